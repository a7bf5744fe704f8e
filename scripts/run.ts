/** Runs a program, shows what it prints as it comes, and keeps it. */

/** How a program ended, and all that it printed. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a program to its end, without standard input.
 *
 * @param command The program and its arguments.
 * @param options.quiet Nothing is shown.
 */
export async function run(
  command: readonly string[],
  options: { cwd?: string | URL; env?: Record<string, string>; quiet?: boolean } = {},
): Promise<Ran> {
  const [program = "", ...args] = command;
  const { quiet = false, ...rest } = options;
  const child = new Deno.Command(program, {
    ...rest,
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const show = async (from: ReadableStream<Uint8Array>, to: typeof Deno.stdout) => {
    const decoder = new TextDecoder();
    for await (const bytes of from) {
      output += decoder.decode(bytes, { stream: true });
      for (let at = 0; !quiet && at < bytes.length;) at += to.writeSync(bytes.subarray(at));
    }
  };
  await Promise.all([show(child.stdout, Deno.stdout), show(child.stderr, Deno.stderr)]);
  return { code: (await child.status).code, output };
}

/** The top of the repository. */
export const top = new URL("../", import.meta.url);
