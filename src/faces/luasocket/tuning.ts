// What programs set in the module's table, and objects look at.

/** The settings of the module. */
export const tuning: { debug: unknown } = { debug: undefined };

/** Whether `send` and `receive` give the seconds they took. */
export function isTimed(): boolean {
  return tuning.debug !== undefined && tuning.debug !== null && tuning.debug !== false;
}
