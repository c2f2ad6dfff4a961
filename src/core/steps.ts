/** Work in steps: whoever has other things to do does them in between. */

/** Each step takes a few milliseconds at most. */
export type Steps<T> = Generator<void, T>;

/** Steps may hold the thread together for so many ms. */
const SLICE_MS = 5;

/** Takes all steps at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Takes the steps a few at a time; what waits for the event loop has its turn before, and in between. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (let end = 0; ; ) {
    if (performance.now() >= end) {
      await new Promise((resolve) => setImmediate(resolve));
      end = performance.now() + SLICE_MS;
    }
    const step = steps.next();
    if (step.done) return step.value;
  }
}
