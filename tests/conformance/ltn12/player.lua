-- Plays programs on the real LTN12 and LuaSocket, and prints what each of their
-- steps gives, a line of JSON for a program. See program.ts for what a program is.
--
--     lua5.1 player.lua programs.lua

local socket = require("socket")
local ltn12 = require("ltn12")
require("socket.http")
local modules = { socket = socket, ltn12 = ltn12, headers = require("socket.headers") }

NIL = setmetatable({}, { __tostring = function() return "NIL" end })

local function pack(...)
  return { n = select("#", ...), ... }
end

local function quote(text)
  return '"' .. text:gsub("[%c\"\\\127-\255]", function(c)
    return string.format("\\u%04x", c:byte())
  end) .. '"'
end

local function encode(value)
  local kind = type(value)
  if value == nil or value == NIL then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return string.format("%.17g", value) end
  if kind == "string" then return quote(value) end
  if kind == "function" then return '{"is":"function"}' end
  local meta = getmetatable(value)
  if meta == false then return '{"tried":' .. encode(value[1]) .. "}" end
  if meta and meta.__call then return '{"is":"function"}' end
  local parts = {}
  if value.n == nil and next(value) ~= nil and value[1] == nil then
    for key, item in pairs(value) do
      parts[#parts + 1] = quote(tostring(key)) .. ":" .. encode(item)
    end
    table.sort(parts)
    return "{" .. table.concat(parts, ",") .. "}"
  end
  for at = 1, value.n or #value do parts[at] = encode(value[at]) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local variables, logs
local run

local filters = {}

function filters.upper()
  return function(chunk) return chunk and chunk:upper() end
end

function filters.twice()
  local more
  return function(chunk)
    if chunk == nil then return nil end
    if chunk ~= "" then
      more = chunk
      return chunk
    end
    local rest = more
    more = nil
    return rest or ""
  end
end

function filters.hold()
  local all = ""
  return function(chunk)
    if chunk then
      all = all .. chunk
      return ""
    end
    local held = all
    all = ""
    return held ~= "" and held or nil
  end
end

function filters.letters()
  local all = ""
  return function(chunk)
    all = all .. (chunk or "")
    local letter = all:sub(1, 1)
    all = all:sub(2)
    if letter == "" and not chunk then return nil end
    return letter
  end
end

local function materialize(value)
  if value == NIL then return nil end
  if type(value) ~= "table" then return value end
  if value.ref then return variables[value.ref] end
  if value.does then
    local filter = filters[value.does]()
    return function(chunk) return filter(type(chunk) == "string" and chunk or nil) end
  end
  if value.answers then
    local count = 0
    return function(...)
      if value.log then table.insert(logs[value.log], pack(...)) end
      count = count + 1
      local answer = value.answers[count]
      if answer == nil then return end
      if answer.throws then error(materialize(answer.throws[1]), 0) end
      if answer.calls then return run(answer.calls) end
      local values = { n = answer.n }
      for at = 1, answer.n do values[at] = materialize(answer[at]) end
      return unpack(values, 1, values.n)
    end
  end
  if value.sock then
    local object = {}
    for name, script in pairs(value.sock) do
      local method = materialize(script)
      object[name] = function(self, ...) return method(...) end
    end
    return object
  end
  local list = {}
  for at = 1, value.n do list[at] = materialize(value[at]) end
  return list
end

function run(step)
  local names, target = step.target:match("^([%w,]+)=(.+)$")
  target = target or step.target
  local args = { n = step.n }
  for at = 1, step.n do args[at] = materialize(step[at]) end
  local results
  if target == "@value" then
    results = args
  elseif target == "@log" then
    results = pack(logs[args[1]])
  elseif target == "@set" then
    local path, name = args[1]:match("^(.*)%.(%w+)$")
    modules[path][name] = args[2]
    results = pack()
  else
    local callee = modules
    local variable = target:match("^%$(.+)$")
    if variable then callee = variables[variable] end
    if not variable then
      for name in target:gmatch("%w+") do callee = callee[name] end
    end
    results = pack(callee(unpack(args, 1, args.n)))
  end
  if names then
    local at = 0
    for name in names:gmatch("%w+") do
      at = at + 1
      variables[name] = results[at]
    end
  end
  return unpack(results, 1, results.n)
end

for _, program in ipairs(dofile(arg[1])) do
  variables = {}
  logs = setmetatable({}, { __index = function(all, name)
    all[name] = {}
    return all[name]
  end })
  ltn12.BLOCKSIZE = 2048
  socket.BLOCKSIZE = 2048
  local rows = {}
  for at, step in ipairs(program) do
    debug.sethook(function() error("endless", 0) end, "", 2e5)
    local results = pack(pcall(run, step))
    debug.sethook()
    if results[1] then
      local parts = {}
      for at = 2, results.n do parts[at - 1] = encode(results[at]) end
      rows[at] = "[" .. table.concat(parts, ",") .. "]"
    else
      local err = results[2]
      if type(err) == "string" then err = err:gsub("^[^:]*%.lua:%d+: ", "") end
      rows[at] = '{"error":' .. encode(err) .. "}"
    end
  end
  print("[" .. table.concat(rows, ",") .. "]")
end
