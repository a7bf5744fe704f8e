-- LuaSocket: driven by lines of JSON. Arguments are `name=value`.

local socket = require("socket")

local arguments = {}
for _, text in ipairs(arg) do
  local name, value = text:match("^(%w+)=(.*)$")
  arguments[name] = value
end

local host = { now_ms = function() return socket.gettime() * 1000 end, udp = socket.udp }

function host.dial()
  local sock, err = socket.connect("127.0.0.1", tonumber(arguments.port))
  if not sock then error("connect: " .. tostring(err)) end
  sock:setoption("tcp-nodelay", true)
  return sock
end

function host.side_by_side(play, socks)
  play(socks[1])
end

local function say(text)
  io.write(text, "\n")
  io.flush()
end

local open = dofile(arguments.folder .. "/work.lua")(arguments, host)
if not open then return say('{"ready":false}') end

local run = open()
say('{"ready":true}')
for order in io.lines() do
  local run_ms = tonumber(order:match('"runMs":(%d+)'))
  local cpu, start_ms = os.clock(), host.now_ms()
  local operations, bytes = run(run_ms)
  local micros, cpu_micros = (host.now_ms() - start_ms) * 1e3, (os.clock() - cpu) * 1e6
  say(('{"operations":%d,"bytes":%.0f,"micros":%.0f,"cpuMicros":%.0f}'):format(
    operations, bytes, micros, cpu_micros))
end
