/** An op whose outcome depends on timing, or on what the fuzzer leaves out. */
export class Undetermined extends Error {}
