/** Programs whose results on the original are in ltn12.json. */

import type { Answer, FilterName, Program, Step, Value } from "./program.ts";

const at = (name: string): Value => ({ $: name });
const does = (name: FilterName): Value => ({ does: name });
const answers = (...all: Answer[]): Value => ({ answers: all });
const logged = (log: string, ...all: Answer[]): Value => ({ answers: all, log });
const times = (count: number, step: Step): Step[] => Array<Step>(count).fill(step);
const drain = (count = 8): Step[] => times(count, ["$s"]);

/** A table that a sink fills, and what came into it. */
const intoTable = (...steps: Step[]): Step[] => [
  ["k,t=ltn12.sink.table"],
  ...steps,
  ["@value", at("t")],
];

const LONG = "0123456789".repeat(500);

const ltn12: Record<string, Step[]> = {
  "source.empty": [["s=ltn12.source.empty"], ...drain(2)],
  "source.error": [["s=ltn12.source.error", "bad"], ...drain(2)],
  "source.error without a word": [["s=ltn12.source.error"], ["$s"]],
  "source.error with false": [["s=ltn12.source.error", false], ["$s"]],
  "source.error with a table": [["s=ltn12.source.error", ["a", 1]], ["$s"]],
  "source.string": [["s=ltn12.source.string", LONG], ...drain(5)],
  "source.string of nothing": [["s=ltn12.source.string", ""], ...drain(2)],
  "source.string of nil": [["s=ltn12.source.string"], ...drain(2)],
  "source.string of false": [["s=ltn12.source.string", false], ...drain(2)],
  "source.string of a number": [["s=ltn12.source.string", 12.5], ...drain(2)],
  "source.string of true": [["s=ltn12.source.string", true], ...drain(2)],
  "source.string of a table": [["s=ltn12.source.string", []], ...drain(2)],
  "source.string of all kinds of bytes": [["s=ltn12.source.string", "\0\r\n\xff\x80"], ...drain(2)],
  "source.string in smaller blocks": [
    ["s=ltn12.source.string", "abcdefgh"],
    ["@set", "ltn12.BLOCKSIZE", 3],
    ["$s"],
    ["@set", "ltn12.BLOCKSIZE", 1],
    ["$s"],
    ["@set", "ltn12.BLOCKSIZE", 100],
    ...drain(3),
  ],
  "source.table": [["s=ltn12.source.table", ["a", "", "b"]], ...drain(5)],
  "source.table with a hole": [["s=ltn12.source.table", ["a", null, "b"]], ...drain(5)],
  "source.table of nothing": [["s=ltn12.source.table", []], ...drain(2)],
  "source.table of other values": [["s=ltn12.source.table", [1, true, ["x"]]], ...drain(4)],
  "source.table of nil": [["ltn12.source.table"]],
  "source.table of a string": [["ltn12.source.table", "abc"]],
  "source.rewind": [
    ["u=ltn12.source.table", ["a", "b"]],
    ["s=ltn12.source.rewind", at("u")],
    ["$s"],
    ["$s", "one"],
    ["$s", "two"],
    ["$s", ""],
    ...drain(6),
    ["$s", "after the end"],
    ...drain(2),
  ],
  "source.rewind hands on errors, and asks with no argument": [
    ["s=ltn12.source.rewind", logged("u", ["a", "e"], [null, "bad"], [])],
    ...drain(4),
    ["@log", "u"],
  ],
  "source.rewind of nil": [["ltn12.source.rewind"]],
  "source.rewind of a number": [["s=ltn12.source.rewind", 5], ["$s", "x"], ...drain(2)],
  "source.cat": [
    ["a=ltn12.source.string", "1"],
    ["b=ltn12.source.empty"],
    ["c=ltn12.source.table", ["2", "", "3"]],
    ["s=ltn12.source.cat", at("a"), at("b"), at("c")],
    ...drain(6),
  ],
  "source.cat of nothing": [["s=ltn12.source.cat"], ...drain(2)],
  "source.cat stops at an error, and asks again": [
    ["s=ltn12.source.cat", answers(["a"], [null, "bad"], ["b"]), answers(["c"])],
    ...drain(6),
  ],
  "source.cat ends where a source is missing": [
    ["s=ltn12.source.cat", answers(["a"]), null, answers(["c"])],
    ...drain(4),
  ],
  "source.cat of a number": [["s=ltn12.source.cat", 5], ...drain(2)],
  "source.simplify": [
    ["n=ltn12.source.table", ["c", "d"]],
    ["s=ltn12.source.simplify", answers(["a"], ["b", at("n")], ["never"])],
    ...drain(5),
  ],
  "source.simplify takes an error for a source": [
    ["s=ltn12.source.simplify", answers(["a"], [null, "bad"], ["b"])],
    ...drain(4),
  ],
  "source.simplify of false chunks": [
    ["s=ltn12.source.simplify", answers([false], [false, false], ["", false])],
    ...drain(4),
  ],
  "source.simplify of nil": [["ltn12.source.simplify"]],
  "source.chain with one filter": [
    ["u=ltn12.source.table", ["ab", "", "cd"]],
    ["s=ltn12.source.chain", at("u"), does("upper")],
    ...drain(5),
  ],
  "source.chain with a filter that gives more": [
    ["u=ltn12.source.table", ["ab", "cd"]],
    ["s=ltn12.source.chain", at("u"), does("twice")],
    ...drain(6),
  ],
  "source.chain with a filter that waits for the end": [
    ["u=ltn12.source.table", ["ab", "cd"]],
    ["s=ltn12.source.chain", at("u"), does("hold")],
    ...drain(3),
  ],
  "source.chain with many filters": [
    ["u=ltn12.source.table", ["ab", "cd"]],
    ["s=ltn12.source.chain", at("u"), does("hold"), does("letters"), does("twice"), does("upper")],
    ...drain(11),
  ],
  "source.chain asks the filter so": [
    [
      "s=ltn12.source.chain",
      answers(["a"], [""], ["b"], [null]),
      logged("f", ["x"], ["y"], [""], [""], [""], ["z"], [""], ["end"], ["end"], [null]),
    ],
    ...drain(6),
    ["@log", "f"],
  ],
  "source.chain hands on an error": [
    ["s=ltn12.source.chain", answers(["a"], [null, "bad"], ["b"], [null, "worse"]), does("upper")],
    ...drain(6),
  ],
  "source.chain drops a chunk with an error": [
    ["s=ltn12.source.chain", answers(["a", "bad"], ["b"]), does("upper")],
    ...drain(4),
  ],
  "source.chain with a filter that ends too early": [
    ["s=ltn12.source.chain", answers(["a"], ["b"]), answers([null])],
    ...drain(2),
  ],
  "source.chain with a filter that ends while it gives more": [
    ["s=ltn12.source.chain", answers(["a"], ["b"]), answers(["x"], [null])],
    ...drain(3),
  ],
  "source.chain with a filter that wants more at the end": [
    ["s=ltn12.source.chain", answers(["a"]), answers(["x"], [""], ["last"], [""], ["y"])],
    ...drain(5),
  ],
  "source.chain with a filter that wants more of the end": [
    ["s=ltn12.source.chain", answers([null], ["a"]), answers([""], ["x"], [""], [null])],
    ...drain(4),
  ],
  "source.chain with a filter that raises": [
    [
      "s=ltn12.source.chain",
      answers(["a"], ["b"], ["c"]),
      answers(["x"], { throws: "oh" }, [""], ["z"]),
    ],
    ...drain(5),
  ],
  "source.chain with a source that raises": [
    ["s=ltn12.source.chain", answers({ throws: ["t"] }, ["b"]), does("upper")],
    ...drain(3),
  ],
  "source.chain with a third argument of nil": [
    ["s=ltn12.source.chain", answers(["a"]), does("upper"), null, does("twice")],
    ...drain(3),
  ],
  "source.chain of nothing": [["ltn12.source.chain"]],
  "source.chain without a filter": [["ltn12.source.chain", answers()]],
  "source.chain with a number": [["s=ltn12.source.chain", answers(["a"]), 5], ["$s"]],
  "source.file of nil": [["s=ltn12.source.file", null], ...drain(2)],
  "source.file of nil, and why": [["s=ltn12.source.file", null, "no such file"], ...drain(2)],

  "filter.cycle": [
    ["s=ltn12.filter.cycle", logged("f", ["A", 1], ["B", 2], [null], ["C"]), "context", "extra"],
    ["$s", "a"],
    ["$s", ""],
    ["$s", null],
    ["$s", "d"],
    ["$s", "e"],
    ["@log", "f"],
  ],
  "filter.cycle with nothing": [
    ["s=ltn12.filter.cycle", logged("f", ["A"])],
    ["$s", "a"],
    ["@log", "f"],
  ],
  "filter.cycle of nil": [["ltn12.filter.cycle"]],
  "filter.cycle with a raised error": [
    ["s=ltn12.filter.cycle", logged("f", ["A", 1], { throws: "oh" }, ["B"]), 0],
    ["$s", "a"],
    ["$s", "b"],
    ["$s", "c"],
    ["@log", "f"],
  ],
  "filter.chain of one": [
    ["s=ltn12.filter.chain", does("twice")],
    ["$s", "a"],
    ["$s", ""],
    ["$s", ""],
    ["$s", null],
  ],
  "filter.chain of two": [
    ["s=ltn12.filter.chain", does("twice"), does("upper")],
    ["$s", "a"],
    ["$s", ""],
    ["$s", ""],
    ["$s", "b"],
    ["$s", "c"],
    ["$s", null],
    ["$s", null],
  ],
  "filter.chain of those that hold": [
    ["s=ltn12.filter.chain", does("hold"), does("letters"), does("hold"), does("letters")],
    ["$s", "ab"],
    ["$s", ""],
    ["$s", "cd"],
    ...times(7, ["$s", null]),
  ],
  "filter.chain goes on after its end": [
    ["s=ltn12.filter.chain", does("upper"), does("letters")],
    ["$s", "ab"],
    ["$s", null],
    ["$s", null],
    ["$s", "cd"],
    ["$s", ""],
    ["$s", null],
  ],
  "filter.chain asks so": [
    [
      "s=ltn12.filter.chain",
      logged("f", ["a"], [""], ["b"], ["c"], [null]),
      logged("g", [""], ["x"], [""], ["y"], [""], [null]),
    ],
    ["$s", "1"],
    ["$s", ""],
    ["$s", "2"],
    ["$s", null],
    ["$s", null],
    ["$s", null],
    ["@log", "f"],
    ["@log", "g"],
  ],
  "filter.chain with an end in the middle": [
    ["s=ltn12.filter.chain", does("upper"), answers([null])],
    ["$s", "a"],
    ["$s", "b"],
  ],
  "filter.chain of nothing": [["s=ltn12.filter.chain"], ["$s", "a"]],
  "filter.chain of a number": [["s=ltn12.filter.chain", does("upper"), 5], ["$s", "a"]],

  "sink.table": intoTable(
    ["$k", "a"],
    ["$k", ""],
    ["$k", null],
    ["$k", "b", "ignored"],
    ["$k", null, "err"],
    ["$k", false],
    ["$k", 5],
  ),
  "sink.table into one that is there": [
    ["k,t=ltn12.sink.table", ["first"]],
    ["$k", "a"],
    ["@value", at("t")],
  ],
  "sink.null": [["s=ltn12.sink.null"], ["$s", "a"], ["$s", null, "err"]],
  "sink.error": [["s=ltn12.sink.error", "full"], ["$s", "a"], ["$s", null]],
  "sink.error without a word": [["s=ltn12.sink.error"], ["$s", "a"]],
  "sink.file of nil": [["s=ltn12.sink.file", null], ["$s", "a"]],
  "sink.file of nil, and why": [["s=ltn12.sink.file", null, "why"], ["$s", "a"]],
  "sink.simplify": intoTable(
    ["s=ltn12.sink.simplify", logged("f", [1], [true, at("k")], [1])],
    ["$s", "a"],
    ["$s", "b"],
    ["$s", "c"],
    ["$s", null, "err"],
    ["@log", "f"],
  ),
  "sink.simplify hands on a refusal": [
    [
      "s=ltn12.sink.simplify",
      logged("f", [null, "full"], [false, "fuller", 3], ["yes"], [0], [""], []),
    ],
    ...times(6, ["$s", "a"]),
    ["@log", "f"],
  ],
  "sink.simplify of nil": [["ltn12.sink.simplify"]],
  "sink.chain": intoTable(
    ["s=ltn12.sink.chain", does("upper"), at("k")],
    ["$s", "ab"],
    ["$s", ""],
    ["$s", null],
  ),
  "sink.chain with a filter that gives more": intoTable(
    ["s=ltn12.sink.chain", does("twice"), at("k")],
    ["$s", "ab"],
    ["$s", "cd"],
    ["$s", null],
  ),
  "sink.chain with many filters": intoTable(
    ["s=ltn12.sink.chain", does("hold"), does("letters"), does("twice"), at("k")],
    ["$s", "ab"],
    ["$s", "cd"],
    ["$s", null],
  ),
  "sink.chain tells the sink so": [
    [
      "s=ltn12.sink.chain",
      logged("f", ["x"], ["y"], [""], [""], ["z"], [null]),
      logged("k", [1], [1], [1], [1], [1], [1]),
    ],
    ["$s", "a"],
    ["$s", "b", "odd"],
    ["$s", null, "err"],
    ["@log", "f"],
    ["@log", "k"],
  ],
  "sink.chain hands on a refusal": [
    ["s=ltn12.sink.chain", does("twice"), logged("k", [1], [null, "full"], [false, "fuller"])],
    ["$s", "a"],
    ["$s", "b"],
    ["@log", "k"],
  ],
  "sink.chain with a third argument of nil": intoTable(
    ["s=ltn12.sink.chain", does("upper"), at("k"), null],
    ["$s", "ab"],
  ),
  "sink.chain of nothing": [["ltn12.sink.chain"]],
  "sink.chain without a sink": [["ltn12.sink.chain", does("upper")]],

  "pump.step": intoTable(
    ["s=ltn12.source.table", ["a", "b"]],
    ...times(4, ["ltn12.pump.step", at("s"), at("k")] as Step),
  ),
  "pump.step calls so": [
    ["f=@value", logged("source", ["a", "odd"], [null, "bad"], [], ["", null])],
    ["k=@value", logged("sink", [1], [1, "x"], [null, "full"], [false])],
    ...times(4, ["ltn12.pump.step", at("f"), at("k")] as Step),
    ["@log", "source"],
    ["@log", "sink"],
  ],
  "pump.step of nothing": [["ltn12.pump.step"]],
  "pump.all": intoTable(
    ["s=ltn12.source.string", LONG],
    ["ltn12.pump.all", at("s"), at("k")],
    ["ltn12.pump.all", at("s"), at("k")],
  ),
  "pump.all with an error of the source": [
    ["k=@value", logged("sink", [1], [null, "full"])],
    ["ltn12.pump.all", answers(["a"], [null, "bad"], ["b"]), at("k")],
    ["@log", "sink"],
  ],
  "pump.all with an error of the sink": [
    ["k=@value", logged("sink", [1], [null, "full"])],
    ["ltn12.pump.all", answers(["a"], ["b"], ["c"]), at("k")],
    ["@log", "sink"],
  ],
  "pump.all with a sink that takes no more and says nothing": [
    ["ltn12.pump.all", answers(["a"], ["b"], ["c"]), answers([1], [null])],
  ],
  "pump.all with a step": [
    ["ltn12.pump.all", "source", "sink", logged("step", [1], ["more"], [null, "enough"])],
    ["@log", "step"],
  ],
  "pump.all with a step that ends": [["ltn12.pump.all", 1, 2, answers([0], [false])]],
  "pump.all with a step of false": intoTable(
    ["ltn12.pump.all", answers(["a"]), at("k"), false],
  ),
  "pump.all with errors that are raised": [
    ["ltn12.pump.all", answers(["a"], { throws: "oh" }), answers([1], [1])],
    ["ltn12.pump.all", answers(["a"]), answers({ throws: 5 })],
    ["ltn12.pump.all", answers({ calls: ["socket.try", null, "bad"] }), answers([1])],
  ],
  "pump.all of nothing": [["ltn12.pump.all"], ["ltn12.pump.all", answers()]],
};

const except: Record<string, Step[]> = {
  "try passes": [
    ["socket.try", 1, 2, 3],
    ["socket.try", "", null, null],
    ["socket.try", 0],
    ["socket.try", true, false],
    ["socket.try", [1, 2], "x"],
  ],
  "try throws": [
    ["socket.try"],
    ["socket.try", null],
    ["socket.try", null, "oops", "x"],
    ["socket.try", false, "oops"],
    ["socket.try", null, ["a", 1]],
    ["socket.try", null, false],
  ],
  "newtry calls its finalizer without arguments": [
    ["t=socket.newtry", logged("f", [1, 2])],
    ["$t", 1, 2],
    ["@log", "f"],
    ["$t", null, "oops"],
    ["@log", "f"],
  ],
  "newtry with nil, and with no finalizer": [
    ["t=socket.newtry", null],
    ["$t", null, "oops"],
    ["u=socket.newtry"],
    ["$u", false, "oops"],
  ],
  "newtry with no function": [
    ["t=socket.newtry", 5],
    ["$t", 1, 2],
    ["$t", null, "oops"],
    ["u=socket.newtry", "x"],
    ["$u", null, "oops"],
    ["v=socket.newtry", false],
    ["$v", null, "oops"],
  ],
  "protect passes": [
    ["p=socket.protect", logged("f", [1, null, null], [], [null], [null, "err"])],
    ["$p", "a", null],
    ["$p"],
    ["$p", null, null],
    ["$p", 0],
    ["@log", "f"],
  ],
  "protect turns the exception of try back": [
    [
      "p=socket.protect",
      answers(
        { calls: ["socket.try", null, "oops", "x"] },
        { calls: ["socket.try", false, ["a", 1]] },
        { calls: ["socket.try", null] },
        { calls: ["socket.try"] },
        { calls: ["socket.try", 1, "fine", null] },
        { calls: ["socket.try", null, 5] },
      ),
    ],
    ...times(7, ["$p"]),
  ],
  "protect lets other errors through": [
    [
      "p=socket.protect",
      answers(
        { throws: "text" },
        { throws: ["a", 1] },
        { throws: 5 },
        { throws: true },
      ),
    ],
    ...times(4, ["$p"]),
  ],
  "protect calls a finalizer": [
    ["t=socket.newtry", logged("f", [], [])],
    ["p=socket.protect", answers({ calls: ["$t", 1, 2] }, { calls: ["$t", null, "oops"] })],
    ["$p"],
    ["@log", "f"],
    ["$p"],
    ["@log", "f"],
  ],
  "an error in a finalizer takes the exception's place": [
    ["t=socket.newtry", answers({ throws: "in it" }, { calls: ["socket.try", null, "of it"] })],
    ["p=socket.protect", answers({ calls: ["$t", null, "oops"] }, { calls: ["$t", null, "oops"] })],
    ["$p"],
    ["$p"],
  ],
  "protect in protect": [
    [
      "inner=socket.protect",
      answers({ calls: ["socket.try", null, "inner"] }, { throws: "raised" }, ["fine"]),
    ],
    ["t=socket.newtry", logged("f", [], [])],
    [
      "outer=socket.protect",
      answers({ calls: ["$inner"] }, { calls: ["$inner"] }, { calls: ["$inner"] }),
    ],
    ...times(3, ["$outer"]),
    ["@log", "f"],
  ],
  "try hands on what a protected function answers": [
    ["inner=socket.protect", answers({ calls: ["socket.try", null, "inner"] })],
    ["r,e=$inner"],
    ["outer=socket.protect", answers({ calls: ["socket.try", at("r"), at("e")] })],
    ["$outer"],
  ],
  "protect of no function": [
    ["p=socket.protect", 5],
    ["$p", 1],
    ["q=socket.protect", null],
    ["$q"],
  ],
  skip: [
    ["socket.skip", 1, "a", "b"],
    ["socket.skip", 0, "a", null, "b", null],
    ["socket.skip", 2, "a", "b"],
    ["socket.skip", 5, "a"],
    ["socket.skip", 0],
    ["socket.skip", "1", "a", "b"],
    ["socket.skip", " 0x1 ", "a", "b"],
    ["socket.skip", "1e0", "a", "b"],
    ["socket.skip", 1.9, "a", "b"],
    ["socket.skip", -0.5, "a", "b"],
    ["socket.skip", -1, "a"],
    ["socket.skip", 10000000000, "a"],
  ],
  "choose by name": [
    ["c=socket.choose", []],
    ["$c", "x"],
    ["$c", "default"],
    ["$c", "5"],
    ["$c", 5],
    ["$c", null],
    ["$c"],
    ["$c", "constructor"],
    ["$c", ""],
  ],
};

const sock = (methods: Record<string, Value>): Value => ({
  sock: {
    getfd: answers([7], [8]),
    dirty: answers([true], [false]),
    close: logged("close", [1], [1]),
    ...methods,
  },
});

const sockets: Record<string, Step[]> = {
  "source until-closed": [
    [
      "s=socket.source",
      "until-closed",
      sock({
        receive: logged(
          "receive",
          ["abc", null, null],
          ["", null, null],
          [null, "closed", "rest"],
          ["never"],
        ),
      }),
    ],
    ...drain(6),
    ["@log", "receive"],
    ["@log", "close"],
  ],
  "source until-closed with a timeout": [
    [
      "s=socket.source",
      "until-closed",
      sock({
        receive: answers([null, "timeout", "lost"], ["abc", null, null], [null, "closed", ""]),
      }),
    ],
    ...drain(4),
  ],
  "source by default": [
    ["s=socket.source", sock({ receive: logged("receive", [null, "closed", "all"]) })],
    ...drain(2),
    ["@log", "close"],
  ],
  "source in other blocks": [
    ["s=socket.source", "until-closed", sock({ receive: logged("receive", ["a"], ["b"]) })],
    ["@set", "socket.BLOCKSIZE", 100],
    ["$s"],
    ["@set", "socket.BLOCKSIZE", 7],
    ["$s"],
    ["@log", "receive"],
  ],
  "source by-length": [
    [
      "s=socket.source",
      "by-length",
      sock({
        receive: logged("receive", ["x".repeat(2048), null, null], ["abc", null, null], [
          "",
          null,
          null,
        ], ["rest", null, null]),
      }),
      2055,
    ],
    ...drain(6),
    ["@log", "receive"],
    ["@log", "close"],
  ],
  "source by-length that ends early": [
    [
      "s=socket.source",
      "by-length",
      sock({ receive: answers([null, "closed", "ab"], [null, "timeout", ""]) }),
      10,
    ],
    ...drain(2),
  ],
  "source by-length of odd lengths": [
    ["s=socket.source", "by-length", sock({ receive: answers() }), 0],
    ["$s"],
    ["s=socket.source", "by-length", sock({ receive: answers() }), -5],
    ["$s"],
    ["s=socket.source", "by-length", sock({ receive: answers() })],
    ["$s"],
    ["s=socket.source", "by-length", sock({ receive: answers() }), "5"],
    ["$s"],
    ["s=socket.source", "by-length", sock({ receive: logged("receive", ["a"]) }), 0.5],
    ["$s"],
    ["@log", "receive"],
  ],
  "source of no such name": [
    ["socket.source", "foo", sock({})],
    ["socket.sink", "foo", sock({})],
    ["socket.sink", "close-when-down", sock({})],
    ["socket.source", "keep-open", sock({})],
    ["socket.source", "", sock({})],
  ],
  "sink keep-open": [
    [
      "s=socket.sink",
      "keep-open",
      sock({ send: logged("send", [3, null, null], [0, null, null], [null, "closed", 1]) }),
    ],
    ["$s", "abc"],
    ["$s", ""],
    ["$s", null],
    ["$s", "def"],
    ["$s", null, "err"],
    ["@log", "send"],
    ["@log", "close"],
  ],
  "sink close-when-done": [
    [
      "s=socket.sink",
      "close-when-done",
      sock({ send: logged("send", [3, null, null], [null, "closed", 0]) }),
    ],
    ["$s", "abc"],
    ["$s", null, "err"],
    ["$s", "late"],
    ["$s", null],
    ["@log", "send"],
    ["@log", "close"],
  ],
  "sink by default": [
    ["s=socket.sink", sock({ send: logged("send", [3, null, null]) })],
    ["$s", "abc"],
    ["$s", null],
    ["@log", "close"],
  ],
  "sink http-chunked": [
    [
      "s=socket.sink",
      "http-chunked",
      sock({ send: logged("send", [6, null, null], [1], [null, "closed", 2], [5]) }),
    ],
    ["$s", "abc"],
    ["$s", "x".repeat(171)],
    ["$s", ""],
    ["$s", 12],
    ["$s", null, "err"],
    ["$s", null],
    ["@log", "send"],
    ["@log", "close"],
  ],
  "sink http-chunked of what is no string": [
    ["s=socket.sink", "http-chunked", sock({ send: answers() })],
    ["$s", true],
    ["$s", []],
  ],
  "source http-chunked": [
    [
      "s=socket.source",
      "http-chunked",
      sock({
        receive: logged(
          "receive",
          ["3"],
          ["abc"],
          [""],
          ["1A;name=value"],
          ["x".repeat(26)],
          [""],
          ["0"],
          [""],
        ),
      }),
    ],
    ...drain(3),
    ["@log", "receive"],
    ["@log", "close"],
  ],
  "source http-chunked reads on after its end": [
    [
      "s=socket.source",
      "http-chunked",
      sock({ receive: answers(["0"], [""], ["2"], ["ab"], [""], [null, "closed", ""]) }),
    ],
    ...drain(3),
  ],
  "source http-chunked with fields behind it": [
    ["h=@value", { sock: { x: answers() } }],
    [
      "s=socket.source",
      "http-chunked",
      sock({
        receive: logged(
          "receive",
          ["0"],
          ["ETag: one"],
          [" folded"],
          ["\ttwice"],
          ["Via:  a: b "],
          ["VIA: c"],
          ["constructor:x"],
          [""],
        ),
      }),
      at("h"),
    ],
    ["$s"],
    ["@value", at("h")],
    ["@log", "receive"],
  ],
  "source http-chunked with bad fields": [
    [
      "s=socket.source",
      "http-chunked",
      sock({
        receive: answers(
          ["0"],
          ["no colon"],
          ["0"],
          [":"],
          [""],
          ["0"],
          [null, "closed", "E"],
          ["0"],
          ["a: b"],
          [null, "timeout", ""],
        ),
      }),
    ],
    ...drain(4),
  ],
  "source http-chunked with a fold that is cut off": [
    [
      "s=socket.source",
      "http-chunked",
      sock({ receive: answers(["0"], ["a: b"], [" c"], [null, "closed", ""]) }),
    ],
    ["$s"],
  ],
  "source http-chunked that is cut off": [
    [
      "s=socket.source",
      "http-chunked",
      sock({
        receive: answers([null, "closed", "5"], ["5"], [null, "closed", "ab"], ["2"], ["ab"], [
          null,
          "closed",
          "",
        ]),
      }),
    ],
    ...drain(3),
  ],
};

for (
  const line of [
    "5",
    "0x5",
    " 5 ",
    "-1",
    "-0",
    "5;a;b",
    "5 ;a",
    ";a",
    "",
    " ",
    "5\0zz",
    "g",
    "0x",
    "0x ",
    "+5",
    "+-5",
    "5.0",
    "5e1",
    "ffffffffffffffffff",
    "00000a",
    "1 2",
    "5\r",
  ]
) {
  sockets[`source http-chunked of size ${JSON.stringify(line)}`] = [
    ["s=socket.source", "http-chunked", sock({ receive: logged("receive", [line], ["it"], [""]) })],
    ["$s"],
    ["@log", "receive"],
  ];
}

for (
  const [kind, mode] of [
    ["source", "until-closed"],
    ["source", "by-length"],
    ["source", "http-chunked"],
    ["sink", "keep-open"],
    ["sink", "close-when-done"],
    ["sink", "http-chunked"],
  ]
) {
  sockets[`pump.all with ${kind} ${mode}`] = kind === "source"
    ? [
      [
        "s=socket.source",
        mode!,
        sock({ receive: answers(["3"], ["abc"], [null, "closed", "d"], ["x"]) }),
        9,
      ],
      ["k,t=ltn12.sink.table"],
      ["ltn12.pump.all", at("s"), at("k")],
      ["@value", at("t")],
    ]
    : [
      ["k=socket.sink", mode!, sock({ send: logged("send", [3], [3], [null, "closed", 1], [1]) })],
      ["ltn12.pump.all", answers(["one"], ["two"]), at("k")],
      ["ltn12.pump.all", answers(["three"], ["four"]), at("k")],
      ["@log", "send"],
      ["@log", "close"],
    ];
}

export const PROGRAMS: readonly Program[] = [ltn12, except, sockets]
  .flatMap((group) => Object.entries(group).map(([name, steps]) => ({ name, steps })));
