-- OpenResty's cosocket in one request: the work of a case for so many milliseconds.

local arg = ngx.req.get_uri_args()
local port, run_ms, hold = tonumber(arg.port), tonumber(arg.runMs), tonumber(arg.hold)
local PING, PONG_SIZE = arg.ping, tonumber(arg.pongSize)
local HOST = "127.0.0.1"
local WARM_MS = 20

local function fail(what, err)
  error(what .. ": " .. tostring(err))
end

local function dial(options)
  local sock = ngx.socket.tcp()
  local ok, err = sock:connect(HOST, port, options)
  if not ok then fail("connect", err) end
  return sock
end

local function now_ms()
  ngx.update_time()
  return ngx.now() * 1000
end

local function ask(sock)
  local ok, err = sock:send(PING)
  if not ok then fail("send", err) end
  local line
  line, err = sock:receive()
  if not line then fail("receive", err) end
  if #line ~= PONG_SIZE - 2 then fail("wrong answer", line) end
end

local function keep(sock, size)
  local ok, err = sock:setkeepalive(0, size)
  if not ok then fail("setkeepalive", err) end
end

-- A connection cannot outlive its request with bytes unread: each slice has its own, and its
-- first moments do not count.
local function frames(size, wire_size, make)
  return function()
    local sock = dial()
    local receive = make(sock)
    local function run(ms)
      local operations, end_ms = 0, now_ms() + ms
      repeat
        for _ = 1, 64 do
          local frame, err = receive()
          if not frame then fail("receive", err) end
          if #frame ~= size then fail("wrong size", #frame) end
        end
        operations = operations + 64
      until now_ms() >= end_ms
      return operations, operations * wire_size
    end
    return run, function() sock:close() end
  end
end

local function pings(connections)
  return function()
    local socks = {}
    for k = 1, connections do socks[k] = dial() end
    local function run(ms)
      local operations, end_ms = 0, now_ms() + ms
      local function play(sock)
        repeat
          ask(sock)
          operations = operations + 1
        until now_ms() >= end_ms
      end
      local threads = {}
      for k = 2, connections do threads[k - 1] = ngx.thread.spawn(play, socks[k]) end
      play(socks[1])
      for _, thread in ipairs(threads) do
        local ok, err = ngx.thread.wait(thread)
        if not ok then fail("thread", err) end
      end
      return operations, operations * PONG_SIZE
    end
    return run, function()
      for _, sock in ipairs(socks) do sock:close() end
    end
  end
end

local function cycles(use)
  return function()
    local function run(ms)
      local operations, end_ms = 0, now_ms() + ms
      repeat
        local sock = dial()
        if use then use(sock) end
        keep(sock, 30)
        operations = operations + 1
      until now_ms() >= end_ms
      return operations, 0
    end
    return run, function() end
  end
end

local function any()
  local sock = dial()
  local function run(ms)
    local operations, bytes, end_ms = 0, 0, now_ms() + ms
    repeat
      local data, err = sock:receiveany(65536)
      if not data then fail("receiveany", err) end
      operations, bytes = operations + 1, bytes + #data
    until now_ms() >= end_ms
    return operations, bytes
  end
  return run, function() sock:close() end
end

local function exactly(size)
  return frames(size, size, function(sock)
    return function() return sock:receive(size) end
  end)
end

local cases = {
  ["ping"] = pings(1),
  ["ping-64"] = pings(64),
  ["lines"] = frames(tonumber(arg.lineSize) - 2, tonumber(arg.lineSize), function(sock)
    return function() return sock:receive() end
  end),
  ["exact-4k"] = exactly(4096),
  ["exact-1m"] = exactly(1048576),
  ["until"] = frames(tonumber(arg.partSize), tonumber(arg.partSize) + #arg.delimiter,
    function(sock) return sock:receiveuntil(arg.delimiter) end),
  ["any"] = any,
  ["pool-ask"] = cycles(ask),
  ["pool"] = cycles(),
}

local function rss()
  local file = io.open("/proc/self/statm")
  local pages = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  return tonumber(pages) * 4096
end

-- Each in a pool of its own, one after another: were they all in use at once, their buffers would
-- leave more free memory behind than idle connections need.
local function fill_pools(name)
  for k = 1, hold do
    local sock = dial({ pool = name .. k, pool_size = 1 })
    ask(sock)
    keep(sock, 1)
  end
end

if hold then
  -- The first of them make the worker's own tables grow, once.
  local grown = {}
  for _, name in ipairs({ "first", "second" }) do
    fill_pools(name)
    collectgarbage()
    collectgarbage()
    grown[name] = rss()
  end
  ngx.say(('{"rss":%d}'):format(grown.second - grown.first))
elseif not cases[arg.case] then
  ngx.say('{"ready":false}')
elseif not run_ms then
  ngx.say('{"ready":true}')
else
  local run, stop = cases[arg.case]()
  run(WARM_MS)
  local cpu, start_ms = os.clock(), now_ms()
  local operations, bytes = run(run_ms)
  local micros, cpu_micros = (now_ms() - start_ms) * 1e3, (os.clock() - cpu) * 1e6
  stop()
  ngx.say(('{"operations":%d,"bytes":%.0f,"micros":%.0f,"cpuMicros":%.0f}'):format(
    operations, bytes, micros, cpu_micros))
end
