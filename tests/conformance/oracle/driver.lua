-- Plays one client script inside nginx and answers with JSON.
--
-- The request body is a Lua chunk, made by lua_text.ts, that returns the ops; each
-- is { name, socket, variable or nil, n = <argument count>, values = { ... } }. The
-- answer is a list with one item for each op: the list of the values it returned,
-- or { "throw": message }.

local concat, format = table.concat, string.format
local select, type, pcall, unpack = select, type, pcall, unpack

local LONGEST_TEXT = 200

local function pack(...)
    return { n = select("#", ...), ... }
end

-- JSON -----------------------------------------------------------------------

local escapes = {}
for byte = 0, 255 do
    if byte < 32 or byte == 34 or byte == 92 or byte >= 127 then
        escapes[string.char(byte)] = format("\\u%04x", byte)
    end
end

local function quoted(text)
    return '"' .. text:gsub(".", escapes) .. '"'
end

local encode_values

local function encode_results(results)
    local out = {}
    for i = 1, #results do
        local result = results[i]
        out[i] = result.throw and '{"throw":' .. quoted(result.throw) .. "}"
                 or encode_values(result)
    end
    return "[" .. concat(out, ",") .. "]"
end

local function encode_number(number)
    if number ~= number or number == math.huge or number == -math.huge then
        return '{"num":"' .. tostring(number) .. '"}'
    end
    if number == math.floor(number) and math.abs(number) < 1e15 then
        return format("%d", number)
    end
    return format("%.14g", number)
end

local function encode(value)
    local kind = type(value)
    if kind == "nil" then
        return "null"
    elseif kind == "boolean" then
        return tostring(value)
    elseif kind == "number" then
        return encode_number(value)
    elseif kind == "string" then
        if #value > LONGEST_TEXT then
            return format('{"len":%d,"md5":"%s"}', #value, ngx.md5(value))
        end
        return quoted(value)
    elseif kind == "table" and value.is_results then
        return '{"results":' .. encode_results(value) .. "}"
    end
    return '{"type":"' .. kind .. '"}'
end

function encode_values(values)
    local out = {}
    for i = 1, values.n do
        out[i] = encode(values[i])
    end
    return "[" .. concat(out, ",") .. "]"
end

-- Ops ------------------------------------------------------------------------

-- A true method call: so errors name the method, and count arguments, as in the
-- code of a user.
local callers = {}
local function caller(method)
    local call = callers[method]
    if not call then
        local text = "local pack, unpack = ... return function(socket, values, n) "
                     .. "local result = pack(socket:" .. method
                     .. "(unpack(values, 1, n))) return result end"
        call = assert(loadstring(text, "=op"))(pack, unpack)
        callers[method] = call
    end
    return call
end

local play_all

local specials = {}

function specials.tcp(env, op)
    env.sockets[op.socket] = ngx.socket.tcp()
    return pack()
end

function specials.stream(env, op)
    env.sockets[op.socket] = ngx.socket.stream()
    return pack()
end

function specials.udp(env, op)
    env.sockets[op.socket] = ngx.socket.udp()
    return pack()
end

function specials.open(env, op)
    local result = pack(ngx.socket.connect(unpack(op.values, 1, op.n)))
    if result[1] then
        env.sockets[op.socket] = result[1]
    end
    return result
end

function specials.forget(env, op)
    env.sockets[op.socket] = nil
    return pack()
end

function specials.gc()
    collectgarbage()
    collectgarbage()
    return pack()
end

function specials.iter(env, op)
    local it = env.variables[op.variable or "it"]
    local result = pack(it(unpack(op.values, 1, op.n)))
    return result
end

function specials.spawn(env, op)
    local ops = op.values[1]
    env.variables[op.variable or "t"] = ngx.thread.spawn(function()
        return play_all(env, ops)
    end)
    return pack()
end

function specials.wait(env, op)
    local result = pack(ngx.thread.wait(env.variables[op.variable or "t"]))
    return result
end

function specials.kill(env, op)
    return pack(ngx.thread.kill(env.variables[op.variable or "t"]))
end

function specials.sleep(_, op)
    ngx.sleep(op.values[1] / 1000)
    return pack()
end

function specials.sleepuntil(env, op)
    ngx.update_time()
    local left = env.started + op.values[1] / 1000 - ngx.now()
    if left > 0 then
        ngx.sleep(left)
    end
    return pack()
end

-- Any code, for what no other op can say.
function specials.lua(env, op)
    return pack(op.values[1](env))
end

local function play(env, op)
    local special = specials[op.name]
    if special then
        return special(env, op)
    end
    local socket = env.sockets[op.socket]
    if not socket then
        socket = ngx.socket.tcp()
        env.sockets[op.socket] = socket
    end
    for i = 1, op.n do
        local value = op.values[i]
        if type(value) == "table" and value.is_ref then
            op.values[i] = env.variables[value.is_ref]
        end
    end
    local result = caller(op.name)(socket, op.values, op.n)
    if op.variable or op.name == "receiveuntil" then
        env.variables[op.variable or "it"] = result[1]
    end
    return result
end

function play_all(env, ops)
    local results = { is_results = true }
    for i = 1, #ops do
        local ok, result = pcall(play, env, ops[i])
        -- Without the position in our own code.
        results[i] = ok and result or { throw = tostring(result):gsub("^[^%s:]+:%d+: ", "") }
    end
    return results
end

local function content(file)
    local opened = assert(io.open(ngx.var.certificates .. "/" .. file, "rb"))
    local text = opened:read("*a")
    opened:close()
    return text
end

-- The Lua library keeps the number of the last certificate error in a variable of
-- the whole worker, and puts it before later errors: every script begins without.
local handshake = ngx.socket.tcp().sslhandshake
for at = 1, 60 do
    local name, value = debug.getupvalue(handshake, at)
    if name == "openssl_error_code" then
        value[0] = 0
    end
end

ngx.req.read_body()
local helpers = {
    rep = string.rep,
    ref = function(name) return { is_ref = name } end,
    cert = function(name)
        return assert(require("ngx.ssl").parse_pem_cert(content(name .. ".crt")))
    end,
    key = function(name)
        return assert(require("ngx.ssl").parse_pem_priv_key(content(name .. ".key")))
    end,
}
local ops = assert(loadstring(ngx.req.get_body_data(), "=script"))(helpers)
ngx.update_time()
local env = { sockets = {}, variables = {}, started = ngx.now() }
local answer = encode_results(play_all(env, ops))
ngx.header["Content-Length"] = #answer
ngx.print(answer)
