import assert from "node:assert/strict";
import { SocketError, type SocketErrorCode } from "../../src/errors.ts";

/** The `SocketError` that a call ends with; it must end with one, of that code. */
export async function failureOf(
  call: Promise<unknown>,
  code: SocketErrorCode,
): Promise<SocketError> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  throw new assert.AssertionError({ message: `resolved, with ${String(value)}, not ${code}` });
}
