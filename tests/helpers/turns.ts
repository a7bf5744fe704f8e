/** Lets every promise move on that can without IO or time; no chain here is as long. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}
