// `try` and its kin where they have to do with promises. All else is compared with
// the original in luasocket_ltn12_conformance_test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  choose,
  newtry,
  plainTry,
  protect,
  skip,
  TryError,
} from "../src/faces/luasocket/except.ts";
import { LuaError } from "../src/faces/lua.ts";

const answered = async (...values: unknown[]) => values;

test("try takes a call's results one by one, and gives the same back", async () => {
  const [ok, more] = plainTry(...await answered("fine", null));
  assert.equal(ok, "fine");
  assert.equal(more, null);
});

test("try throws an error of its own, with the value and its text", () => {
  assert.throws(() => plainTry(null, "timeout"), (error) => {
    assert(error instanceof TryError);
    assert.equal(error.value, "timeout");
    assert.equal(error.message, "timeout");
    assert.equal(error.name, "TryError");
    return true;
  });
});

test("try may be awaited as well", async () => {
  assert.deepEqual(await plainTry(1, 2), [1, 2]);
});

test("protect takes functions that answer at once or later, with a value or an array", async () => {
  const works: (() => unknown)[] = [() => 5, () => [5], async () => 5, async () => [5]];
  for (const work of works) {
    assert.deepEqual(await protect(work)(), [5]);
  }
  assert.deepEqual(await protect(() => {})(), []);
  assert.deepEqual(await protect(() => null)(), [null]);
  assert.deepEqual(await protect(async () => [1, null, "x"])(), [1, null, "x"]);
});

test("protect hands on its arguments", async () => {
  const join = protect((...words: string[]) => words.join("-"));
  assert.deepEqual(await join("a", "b"), ["a-b"]);
});

test("protect catches what try throws after an await, in a callee, and from far below", async () => {
  const deep = async (depth: number): Promise<number> => {
    await sleep(0);
    if (depth === 0) plainTry(...await answered(null, "oops", "x"));
    return await deep(depth - 1);
  };
  assert.deepEqual(await protect(() => deep(5))(), [null, "oops"]);
});

test("protect lets all other errors through, the same ones", async () => {
  const errors = [new LuaError("raised"), new TypeError("a bug"), "text", { any: "value" }, null];
  for (const error of errors) {
    const work = protect(() => {
      throw error;
    });
    await assert.rejects(work(), (thrown) => thrown === error);
  }
});

test("an exception that was caught on its way may be thrown again", async () => {
  const work = protect(() => {
    try {
      plainTry(null, "oops");
    } catch (error) {
      throw error;
    }
  });
  assert.deepEqual(await work(), [null, "oops"]);
});

test("a protected function in a protected function catches its own, and no more", async () => {
  const inner = protect((err: string | null) => plainTry(err === null, err));
  const outer = protect(async () => {
    const [ok, err] = await inner("inner");
    assert.equal(ok, null);
    return plainTry(null, `outer after ${err}`);
  });
  assert.deepEqual(await outer(), [null, "outer after inner"]);
});

test("a finalizer is not called when all goes well, and once when not", async () => {
  let calls = 0;
  const attempt = newtry(() => calls++);
  await protect(() => attempt(1))();
  assert.equal(calls, 0);
  await protect(() => attempt(null))();
  assert.equal(calls, 1);
});

test("protect waits for a finalizer that takes its time", async () => {
  const done: string[] = [];
  const attempt = newtry(async () => {
    await sleep(2);
    done.push("finalizer");
  });
  const result = await protect(() => attempt(null, "oops"))();
  done.push("answer");
  assert.deepEqual(result, [null, "oops"]);
  assert.deepEqual(done, ["finalizer", "answer"]);
});

test("an error in a finalizer takes the exception's place, also when it comes late", async () => {
  const bug = new TypeError("a bug in it");
  const soon = newtry(() => {
    throw bug;
  });
  const late = newtry(async () => {
    await sleep(1);
    throw bug;
  });
  await assert.rejects(protect(() => soon(null, "oops"))(), bug);
  await assert.rejects(protect(() => late(null, "oops"))(), bug);
});

test("an exception of try in a finalizer takes the first one's place", async () => {
  const soon = newtry(() => plainTry(null, "in the finalizer"));
  const late = newtry(async () => {
    await sleep(1);
    plainTry(null, "in the finalizer");
  });
  const last = newtry(async () => late(null, "in between"));
  for (const attempt of [soon, late, last]) {
    const work = protect(() => attempt(null, "oops"));
    assert.deepEqual(await work(), [null, "in the finalizer"]);
  }
});

test("finalizers of several sockets are called from the inside out", async () => {
  const closed: string[] = [];
  const outer = newtry(() => closed.push("outer"));
  const inner = newtry(async () => {
    await sleep(1);
    closed.push("inner");
  });
  const talk = protect(() => inner(null, "timeout"));
  const work = protect(async () => outer(...await talk() as [null, string]));
  assert.deepEqual(await work(), [null, "timeout"]);
  assert.deepEqual(closed, ["inner", "outer"]);
});

test("skip refuses what is no number, and less than -1", () => {
  const refused = (...args: unknown[]) => {
    try {
      skip(...args);
    } catch (error) {
      if (error instanceof LuaError) return error.message;
    }
    return undefined;
  };
  const complaint = "bad argument #1 to 'skip'";
  assert.equal(refused(), `${complaint} (number expected, got no value)`);
  assert.equal(refused(null), `${complaint} (number expected, got nil)`);
  assert.equal(refused("x"), `${complaint} (number expected, got string)`);
  assert.equal(refused(true), `${complaint} (number expected, got boolean)`);
  assert.equal(refused({}, 1), `${complaint} (number expected, got table)`);
  assert.equal(refused(-2, "a"), `${complaint} (out of range)`);
});

test("skip gives nil for what is missing in the middle", () => {
  assert.deepEqual(skip(1, "a", undefined, "b"), [null, "b"]);
});

test("choose chooses by name, and hands over two arguments", () => {
  const calls: unknown[] = [];
  const chosen = choose({
    default: (...args: unknown[]) => void calls.push(["default", ...args]),
    other: (...args: unknown[]) => void calls.push(["other", ...args]),
  });
  chosen("other", 1, 2);
  chosen("other", 1);
  chosen("default", 1, 2);
  chosen(1, 2, 3);
  chosen({}, 2);
  assert.deepEqual(calls, [
    ["other", 1, 2],
    ["other", 1, undefined],
    ["default", 1, 2],
    ["default", 1, 2],
    ["default", {}, 2],
  ]);
});

test("choose knows nothing that every object has", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    assert.throws(() => choose({})(name), new LuaError(`unknown key (${name})`));
  }
});

test("choose sees what is added to the table later", () => {
  const table: Record<string, () => string> = {};
  const chosen = choose(table);
  assert.throws(() => chosen("mine"), new LuaError("unknown key (mine)"));
  table.mine = () => "chosen";
  assert.equal(chosen("mine"), "chosen");
});
