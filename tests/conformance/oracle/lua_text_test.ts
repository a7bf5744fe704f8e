import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "../scenario.ts";
import { luaChunk } from "./lua_text.ts";

const cases: { op: Op; lua: string }[] = [
  { op: ["receive"], lua: 'name="receive",socket="s",variable=nil,n=0,values={}' },
  {
    op: ["b:iter@r", null, 2],
    lua: 'name="iter",socket="b",variable="r",n=2,values={[1]=nil,[2]=2}',
  },
  { op: ["send", 'a"\\\n\xff'], lua: '[1]="a\\034\\092\\010\\255"' },
  { op: ["send", ["a", [true], null]], lua: '[1]={"a",{true},nil}' },
  { op: ["connect", { pool: "x", pool_size: 1 }], lua: '[1]={["pool"]="x",["pool_size"]=1}' },
  { op: ["send", { rep: ["ab", 9] }], lua: '[1]=rep("ab",9)' },
  { op: ["send", { ref: "v" }], lua: '[1]=ref("v")' },
  { op: ["connect", { str: 80 }], lua: '[1]="80"' },
  { op: ["lua", { lua: "1/0" }], lua: "[1]=(1/0)" },
  { op: ["spawn@t", [["close"]]], lua: '[1]={{name="close",socket="s",' },
];

for (const { op, lua } of cases) {
  test(`luaChunk writes ${JSON.stringify(op)} in Lua`, () => {
    assert.ok(luaChunk([op]).includes(lua), luaChunk([op]));
  });
}
