-- The works of contestants in Lua; OpenResty's sockets and LuaSocket's have the same names. `host`
-- brings what differs: `dial(options)`, `udp()`, `now_ms()`, and what else a work asks it for.
-- Answers a function of no arguments that opens what the case needs, and answers what works for so
-- many milliseconds, and what stops; or nil.

local function fail(what, err)
  error(what .. ": " .. tostring(err))
end

return function(arg, host)
  local dial, now_ms = host.dial, host.now_ms
  local PING, PONG_SIZE = arg.ping, tonumber(arg.pongSize)
  local size, batch = tonumber(arg.size), tonumber(arg.batch) or 1
  local connections, crowd = tonumber(arg.connections) or 1, tonumber(arg.crowd) or 0
  local LOOK_BYTES = 1048576

  local function ask(sock)
    local ok, err = sock:send(PING:rep(batch))
    if not ok then fail("send", err) end
    for _ = 1, batch do
      local line
      line, err = sock:receive()
      if not line then fail("receive", err) end
      if #line ~= PONG_SIZE - 2 then fail("wrong answer", line) end
    end
  end

  local function frames(frame_size, wire_size, make)
    return function()
      local sock = dial()
      local receive = make(sock)
      local look = math.min(math.max(math.floor(LOOK_BYTES / frame_size), 1), 64)
      local function run(ms)
        local operations, end_ms = 0, now_ms() + ms
        repeat
          for _ = 1, look do
            local frame, err = receive()
            if not frame then fail("receive", err) end
            if #frame ~= frame_size then fail("wrong size", #frame) end
          end
          operations = operations + look
        until now_ms() >= end_ms
        return operations, operations * wire_size
      end
      return run, function() sock:close() end
    end
  end

  local function cycles(cycle, stop)
    return function(ms)
      local operations, end_ms = 0, now_ms() + ms
      repeat
        cycle()
        operations = operations + 1
      until now_ms() >= end_ms
      return operations, 0
    end, stop or function() end
  end

  local works = {}

  function works.ask()
    local socks = {}
    for k = 1, connections do socks[k] = dial() end
    local function run(ms)
      local operations, end_ms = 0, now_ms() + ms
      local function play(sock)
        repeat
          ask(sock)
          operations = operations + batch
        until now_ms() >= end_ms
      end
      host.side_by_side(play, socks)
      return operations, operations * PONG_SIZE
    end
    return run, function()
      for _, sock in ipairs(socks) do sock:close() end
    end
  end

  works.lines = size and frames(size - 2, size, function(sock)
    return function() return sock:receive() end
  end)

  works.exact = size and frames(size, size, function(sock)
    return function() return sock:receive(size) end
  end)

  -- Of more than a buffer of the worst kind OpenResty's search has seen no end within a minute.
  local endless = arg.adverse and size > 65536

  works["until"] = host.until_of and size and not endless and frames(size, size + #arg.delimiter, function(sock)
    return host.until_of(sock, arg.delimiter)
  end)

  works.any = host.any and function()
    local sock = dial()
    local function run(ms)
      local operations, bytes, end_ms = 0, 0, now_ms() + ms
      repeat
        local data, err = host.any(sock, size)
        if not data then fail("receiveany", err) end
        operations, bytes = operations + 1, bytes + #data
      until now_ms() >= end_ms
      return operations, bytes
    end
    return run, function() sock:close() end
  end

  local messages = {
    small = "0123456789abcdef",
    nested = {
      "*5\r\n",
      { { "$3\r\n", "SET", "\r\n" }, { "$3\r\n", "key", "\r\n" }, { "$5\r\n", "value", "\r\n" } },
      { { "$2\r\n", "PX", "\r\n" }, { "$4\r\n", "1000", "\r\n" } },
    },
    large = ("a"):rep(65536),
  }

  works.send = (arg.message ~= "nested" or host.nests) and function()
    local sock, message = dial(), messages[arg.message]
    return cycles(function()
      local ok, err = sock:send(message)
      if not ok then fail("send", err) end
    end, function() sock:close() end)
  end

  function works.connect()
    return cycles(function() dial():close() end)
  end

  works.pool = host.keep and function()
    host.crowd(crowd)
    return cycles(function()
      local sock = dial()
      if arg.exchange then ask(sock) end
      host.keep(sock)
    end)
  end

  function works.udp()
    local sock = host.udp()
    local ok, err = sock:setpeername("127.0.0.1", tonumber(arg.port))
    if not ok then fail("setpeername", err) end
    return cycles(function()
      sock:send(arg.datagram)
      local answer, failure = sock:receive()
      if not answer then fail("receive", failure) end
      if #answer ~= #arg.datagram then fail("wrong size", #answer) end
    end, function() sock:close() end)
  end

  local serves = works[arg.work] and not arg.secure and (connections == 1 or host.many)
  return serves and works[arg.work] or nil, ask
end
