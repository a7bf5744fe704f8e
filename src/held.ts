// Handles are closed when they are forgotten, and one that only waits for its own
// call would be forgotten in the middle of it: so calls hold their handle.

/** The operation; as long as it goes on its handle is not forgotten. */
export async function held<T>(handle: object, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } finally {
    // What is still to be used is referred to until then.
    Object.getPrototypeOf(handle);
  }
}
