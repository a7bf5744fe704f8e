/**
 * Writes down what the original answers: plays the scenarios of files against an installed nginx
 * with the Lua module, three times each, and fills in `expect`, `expect_in` and `verified`.
 *
 *     deno run -A scripts/record.ts [--only id,id] [--jobs n] file...
 *
 * `expect_head`, for where the newest module answers otherwise, is for a human to write.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { Nginx } from "../tests/conformance/oracle/nginx.ts";
import { Recorder } from "../tests/conformance/oracle/recorder.ts";
import { scenarioText } from "../tests/conformance/oracle/scenario_text.ts";
import { Peers } from "../tests/conformance/peers.ts";
import { fillIn } from "../tests/conformance/placeholders.ts";
import { loadScenarios, type Scenario } from "../tests/conformance/scenario.ts";

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, jobs: { type: "string", default: "8" } },
});
const wanted = values.only?.split(",");
const lists = new Map(files.map((file) => [file, loadScenarios(file)]));
const scenarios = [...lists.values()].flat().filter(({ id }) => wanted?.includes(id) ?? true);
if (scenarios.length === 0) throw new TypeError("Cannot find a scenario to record");

const peers = new Peers();
const places = {
  $CLOSED: await peers.ask("closedPort"),
  $HOLE: await peers.ask("blackHole"),
  $CERTS: await peers.ask("certificates"),
  $DNS: await peers.ask("nameServer"),
};
const nginx = new Nginx(scenarios.map(({ conf }) => fillIn(conf ?? {}, places)), places.$CERTS);
const recorded = new Map<string, Scenario>();
let faults = 0;
try {
  await nginx.start();
  const recorder = new Recorder(nginx, peers, places);
  const takeFrom = async (queue: Scenario[]) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { scenario, fault } = await recorder.record(next);
      recorded.set(next.id, scenario);
      if (fault !== "") console.log(`${next.id} was not verified:\n${fault}`);
      if (fault !== "") faults++;
    }
  };
  // What one script with TLS fails of is told to all of the worker.
  const isAlone = ({ solo, needs }: Scenario) => solo || needs?.includes("tls");
  const together = scenarios.filter((it) => !isAlone(it));
  await Promise.all(Array.from({ length: Number(values.jobs) }, () => takeFrom(together)));
  await takeFrom(scenarios.filter(isAlone));
  // A crash takes down all that was under way.
  if (!nginx.isRunning) console.log("nginx crashed; what was not verified is to be recorded alone");
} finally {
  await nginx.stop();
  await peers.stop();
}
for (const [file, list] of lists) {
  writeFileSync(file, scenarioText(list.map((it) => recorded.get(it.id) ?? it)));
}
console.log(`${scenarios.length - faults} recorded, ${faults} not verified`);
process.exit(faults === 0 ? 0 : 1);
