-- OpenResty's cosocket in one request: the work of a case for so many milliseconds.

local arg = ngx.req.get_uri_args()
local run_ms, hold = tonumber(arg.runMs), tonumber(arg.hold)
local WARM_MS = 20

local host = { many = true, nests = true }

function host.dial(options)
  local sock = ngx.socket.tcp()
  local ok, err = sock:connect("127.0.0.1", tonumber(arg.port), options)
  if not ok then error("connect: " .. tostring(err)) end
  return sock
end

host.udp = ngx.socket.udp

function host.now_ms()
  ngx.update_time()
  return ngx.now() * 1000
end

function host.side_by_side(play, socks)
  local threads = {}
  for k = 2, #socks do threads[k - 1] = ngx.thread.spawn(play, socks[k]) end
  play(socks[1])
  for _, thread in ipairs(threads) do
    local ok, err = ngx.thread.wait(thread)
    if not ok then error("thread: " .. tostring(err)) end
  end
end

function host.until_of(sock, delimiter)
  return sock:receiveuntil(delimiter)
end

function host.any(sock, size)
  return sock:receiveany(size)
end

function host.keep(sock, size)
  local ok, err = sock:setkeepalive(0, size or 30)
  if not ok then error("setkeepalive: " .. tostring(err)) end
end

-- Once in a worker's life; requests come and go.
function host.crowd(count)
  if package.loaded.bench_crowd then return end
  package.loaded.bench_crowd = true
  for k = 1, count do host.keep(host.dial({ pool = "crowd" .. k, pool_size = 1 }), 1) end
end

local open, ask = dofile(arg.folder .. "/work.lua")(arg, host)

local function rss()
  local file = io.open("/proc/self/statm")
  local pages = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  return tonumber(pages) * 4096
end

-- Idle ones each in a pool of its own, one after another: were they all in use at once, their
-- buffers would leave more free memory behind than idle connections need.
local function hold_idle(name, count)
  for k = 1, count do
    local sock = host.dial({ pool = name .. k, pool_size = 1 })
    ask(sock)
    host.keep(sock, 1)
  end
end

-- Each waits for an answer, in a thread of its own.
local function hold_active(count)
  for _ = 1, count do
    local sock = host.dial({ pool = "active" })
    ask(sock)
    sock:settimeout(600000)
    ngx.thread.spawn(function() sock:receive() end)
  end
end

if hold then
  -- The first of them make the worker's own tables grow, once.
  local grown = {}
  for _, it in ipairs({ { "first", math.ceil(hold / 4) }, { "second", hold } }) do
    if arg.case == "active" then hold_active(it[2]) else hold_idle(it[1], it[2]) end
    collectgarbage()
    collectgarbage()
    grown[it[1]] = rss()
  end
  ngx.print(('{"rss":%d}'):format(grown.second - grown.first))
  ngx.eof()
elseif not open then
  ngx.say('{"ready":false}')
elseif not run_ms then
  ngx.say('{"ready":true}')
else
  -- A connection cannot outlive its request with bytes unread: each slice has its own, and its
  -- first moments do not count.
  local run, stop = open()
  run(WARM_MS)
  local cpu, start_ms = os.clock(), host.now_ms()
  local operations, bytes = run(run_ms)
  local micros, cpu_micros = (host.now_ms() - start_ms) * 1e3, (os.clock() - cpu) * 1e6
  stop()
  ngx.say(('{"operations":%d,"bytes":%.0f,"micros":%.0f,"cpuMicros":%.0f}'):format(
    operations, bytes, micros, cpu_micros))
end
