import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadScenarios, RECORDED } from "../scenario.ts";
import { scenarioText } from "./scenario_text.ts";

for (const name of ["openresty_more.json", "openresty_tls.json", "openresty_udp.json"]) {
  test(`${name} is written as the recorder writes it`, () => {
    const file = new URL(`../${name}`, import.meta.url);
    assert.equal(scenarioText(loadScenarios(file)), readFileSync(file, "utf8"));
  });
}

test("no two recorded scenarios have one name", () => {
  const ids = RECORDED.flatMap((file) => loadScenarios(file)).map(({ id }) => id);
  assert.deepEqual(ids.filter((id, at) => ids.indexOf(id) !== at), []);
});
