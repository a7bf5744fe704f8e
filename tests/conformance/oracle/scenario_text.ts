/** Scenario files as text: a line for each op, so that a change shows where it is. */

import type { Scenario } from "../scenario.ts";

const LISTS: ReadonlySet<string> = new Set(["client", "expect", "expect_head"]);

export function scenarioText(scenarios: readonly Scenario[]): string {
  return `[\n${scenarios.map(oneText).join(",\n")}\n]\n`;
}

function oneText(scenario: Scenario): string {
  const fields = Object.entries(scenario).map(([key, value]) => {
    const text = LISTS.has(key) ? listText(value as unknown[]) : JSON.stringify(value);
    return `    ${JSON.stringify(key)}: ${text}`;
  });
  return `  {\n${fields.join(",\n")}\n  }`;
}

function listText(items: readonly unknown[]): string {
  if (items.length === 0) return "[]";
  return `[\n${items.map((item) => `      ${JSON.stringify(item)}`).join(",\n")}\n    ]`;
}
