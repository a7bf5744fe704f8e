// The shapes of what calls give.

/** What a call gives that fails: nil and why. */
export type Failure = [null, string];

/** What `receive` gives; the partial data are taken. */
export type Received = [string, null, null] | [null, string, string];

/** What `send` gives: the index of the last byte sent. */
export type Sent = [number, null, null] | [null, string, number];
