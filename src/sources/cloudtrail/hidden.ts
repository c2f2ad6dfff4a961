/** Keeping a message from others while it is worked on, for as long as SQS does that. */

/**
 * The longest that SQS hides a message, in ms from when it gave it: it refuses what would be more, so that nobody else sees
 * it later than that (ChangeMessageVisibility).
 */
export const LONGEST = 43_200_000;
/** A message was given a little before it came, in ms. */
const ON_ITS_WAY = 30_000;

export interface Hiding {
  /** ms for which it is hidden each time. */
  readonly visibility: number;
  /** Asks SQS to hide it for so many seconds. */
  readonly hide: (seconds: number) => void;
  /** Told once, when SQS hides it for the last time. */
  readonly last: () => void;
}

/** Hides a message that has just come again and again, until the returned function is called. */
export function keepHidden({ visibility, hide, last }: Hiding): () => void {
  const end = performance.now() + LONGEST - ON_ITS_WAY;
  const timer = setInterval(() => {
    const left = end - performance.now();
    if (left > visibility) {
      hide(Math.round(visibility / 1000));
      return;
    }
    clearInterval(timer);
    last();
    if (left >= 1000) hide(Math.floor(left / 1000));
  }, visibility / 2);
  return () => clearInterval(timer);
}
