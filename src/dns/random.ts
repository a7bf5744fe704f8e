/** A number of 16 bits that nobody can guess. */
export function randomWord(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0]!;
}

/** One of a list, each as likely as the others: for names with several addresses. */
export function pickOne<T>(list: readonly T[]): T {
  const [word] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
  return list[Math.floor(word / 2 ** 32 * list.length)]!;
}
