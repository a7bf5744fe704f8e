import assert from "node:assert/strict";
import { test } from "node:test";
import { anchorsOf, linkProblems, linksOf } from "../scripts/check_links.ts";

const SOUND = {
  "README.md": [
    "# Title",
    "[a page](docs/guide.md), [its part](docs/guide.md#the-second-part), [here](#title)",
    "[a file](src/a.ts), [a folder](src/), [elsewhere](https://example.com/none#where)",
    "[by a name][guide], `[not one](none.md)`, ``a ` and [not one](none.md)``",
    '<a href="docs/guide.md">HTML</a>',
    "[guide]: docs/guide.md#use-receiveline",
    "```md",
    "[not one](none.md)",
    "```",
    "<!-- [not one](none.md) -->",
  ].join("\n"),
  "docs/guide.md": [
    "# Guide",
    "## The second part",
    "## Use `receiveLine()`",
    "[up](../README.md#title) [beside](./guide.md#guide)",
  ].join("\n"),
};
const FILES = new Set(["src/a.ts", "src"]);
const problems = (pages: Record<string, string>) =>
  linkProblems({ pages, exists: (path) => FILES.has(path) });

const faults = [
  { link: "docs/none.md", problem: "README.md links to docs/none.md: No such file" },
  { link: "guide.md", problem: "README.md links to guide.md: No such file" },
  { link: "docs/guide.md#none", problem: "README.md links to docs/guide.md#none: No such heading" },
  { link: "#none", problem: "README.md links to #none: No such heading" },
  { link: "src/a.ts#title", problem: "README.md links to src/a.ts#title: No such heading" },
  {
    link: "../README.md",
    problem: "README.md links to ../README.md, which is outside of the repository",
  },
];

test("links that lead somewhere are no problem", () => {
  assert.deepEqual(problems(SOUND), []);
});

for (const { link, problem } of faults) {
  test(`a link to ${link} is told`, () => {
    const text = `${SOUND["README.md"]}\n[wrong](${link})`;
    assert.deepEqual(problems({ ...SOUND, "README.md": text }), [problem]);
  });
}

test("links are found in every form, and not in code", () => {
  const text = '[a](b.md "c") ![d](e.png) [f](<g.md>)\n[h]: i.md\n<img src="j.png"> `[k](l.md)`';
  assert.deepEqual(linksOf(text), ["b.md", "e.png", "g.md", "i.md", "j.png"]);
});

test("headings are named as forges name them", () => {
  const text = [
    "# What it does, and why",
    "### `receiveUntil(delimiter)` & co.",
    "## Twice",
    "## Twice",
    "## [A link](there.md) ##",
    "```sh",
    "# a comment",
    "```",
  ].join("\n");
  assert.deepEqual([...anchorsOf(text)], [
    "what-it-does-and-why",
    "receiveuntildelimiter--co",
    "twice",
    "twice-1",
    "a-link",
  ]);
});
