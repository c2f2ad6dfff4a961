/**
 * How large a list may be: what has or becomes more is refused, however it comes. A hundred KB of gzip may become all the
 * memory that there is, and where lines are short it is their number that takes it.
 */

const MiB = 1024 * 1024;

/** Of its text: two million SHA-256 a line, or paths of 60 letters. */
export const MOST_BYTES = 128 * MiB;
export const MOST_LINES = 4_000_000;

/** For people. */
export const MOST_TEXT = `more than ${MOST_BYTES / MiB} MiB`;
