/** A few of the fuzzer's scenarios, where there is something to compare with. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./conformance/luasocket/fuzz.ts";
import { hasLuaSocket } from "./conformance/luasocket/reference.ts";

const skip = !hasLuaSocket() && "there is no lua5.1 with LuaSocket";

test("100 random scenarios end as LuaSocket has them", { skip }, async () => {
  assert.deepEqual(await fuzz(1, 100), []);
});
