/** Text that a terminal only shows: what others wrote into it can neither move the cursor nor turn the order of letters. */

/** Control and format characters, halves of characters, line and paragraph separators; but lines and tabs. */
const HIDDEN = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu;

/**
 * A text with what cannot be seen as `\uXXXX`, a UTF-16 unit each: in JSON, where it can stand only within texts, the same
 * document.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, escaped);
}

/** As `visible`, and without line ends and tabs: of what has to stay within its line. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\n\t]/g, escaped);
}

function escaped(char: string): string {
  return char
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
