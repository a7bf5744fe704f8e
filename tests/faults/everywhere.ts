const AT_ONCE = 16;

/** Runs the same at every place below `count`, some at a time; an error says where it was. */
export async function everywhere(
  count: number,
  work: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const go = async () => {
    while (next < count) {
      const at = next++;
      try {
        await work(at);
      } catch (error) {
        next = count;
        throw new Error(`at byte ${at}: ${(error as Error).message}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, go));
}
