-- The real LuaSocket, for the fuzzer: reads a chunk (a line with its length, then
-- it), runs it, and prints a line of JSON for each step of it.

local socket = require "socket"
local ltn12 = require "ltn12"

local V, names = {}, {}

local function quoted(s)
  return '"' .. s:gsub('[^ !#-%[%]-~]', function(c)
    return string.format("\\u%04x", c:byte())
  end) .. '"'
end

local function adler32(s)
  local low, high = 1, 0
  for i = 1, #s do
    low = (low + s:byte(i)) % 65521
    high = (high + low) % 65521
  end
  return high * 65536 + low
end

local function class_of(v)
  return tostring(v):match("^(.-): ") or type(v)
end

local encode

local function encoded_table(t)
  local n, list, map, fields = #t, {}, {}, {}
  for i = 1, n do list[i] = encode(t[i]) end
  for key, value in pairs(t) do
    if type(key) == "string" then
      fields[#fields + 1] = quoted(key) .. ":" .. encode(value)
    elseif type(key) ~= "number" then
      map[#map + 1] = quoted(names[key] or "?") .. ":" .. encode(value)
    end
  end
  local all = "[" .. table.concat(list, ",") .. "]"
  if #fields > 0 then return "{" .. table.concat(fields, ",") .. "}" end
  if #map == 0 then return all end
  return '{"list":' .. all .. ',"map":{' .. table.concat(map, ",") .. "}}"
end

function encode(v)
  local kind = type(v)
  if kind == "nil" then return "null" end
  if kind == "boolean" then return tostring(v) end
  if kind == "number" then return string.format("%.17g", v) end
  if kind == "string" then
    if #v <= 200 then return quoted(v) end
    return string.format('{"len":%d,"adler32":%.0f,"head":%s,"tail":%s}',
      #v, adler32(v), quoted(v:sub(1, 16)), quoted(v:sub(-16)))
  end
  if names[v] and kind ~= "function" then
    return string.format('{"obj":%s,"class":%s}', quoted(names[v]), quoted(class_of(v)))
  end
  if kind == "table" then return encoded_table(v) end
  return '{"class":' .. quoted(class_of(v)) .. "}"
end

local function say(line) io.stdout:write(line, "\n") io.stdout:flush() end

local function packed(...) return { n = select("#", ...), ... } end

-- Runs a step, keeps its results under these names, and says them.
local function step(keep, call, is_quiet)
  local r = packed(pcall(call))
  local out = {}
  if r[1] then
    for i, name in ipairs(keep) do
      if name ~= "_" then
        V[name] = r[i + 1]
        if type(V[name]) == "userdata" then names[V[name]] = names[V[name]] or name end
      end
    end
    for i = 2, r.n do out[i - 1] = encode(r[i]) end
  else
    local why = tostring(r[2]):gsub("^chunk:%d+: ", ""):gsub("^[%w/._-]+%.lua:%d+: ", "")
    out[1] = '{"error":' .. quoted(why) .. "}"
  end
  say(is_quiet and '["quiet"]' or "[" .. table.concat(out, ",") .. "]")
end

local function sync(name)
  say('{"sync":' .. quoted(name) .. "}")
  if not io.stdin:read("*l") then os.exit(0) end
  say("[true]")
end

while true do
  local size = tonumber(io.stdin:read("*l") or "")
  if not size then break end
  V, names = {}, {}
  local chunk = assert(loadstring(io.stdin:read(size), "=chunk"))
  chunk = setfenv(chunk, {
    V = V, step = step, sync = sync, socket = socket, ltn12 = ltn12, string = string,
  })
  chunk()
  for _, v in pairs(V) do
    if type(v) == "userdata" then pcall(function() v:close() end) end
  end
  V, names = {}, {}
  collectgarbage()
  say('{"done":true}')
end
