/** Options of a command line, read as getopt(3) reads them with `+`: the first word that is no option ends them. */

export interface Option {
  /** The option letter; undefined when it is unknown. */
  readonly letter: string | undefined;
  /** The option's value, undefined when the option takes none. */
  readonly value?: string;
  /** It takes a value and has none: `value` is "". */
  readonly lacksValue?: true;
}

/** Reads the options that `letters` names: `x` is a flag, `x:` takes a value, and so does `x::`, as in Falco. */
export function readOptions(words: readonly string[], letters: string): readonly Option[] {
  const options: Option[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') break;
    if (word.startsWith('--')) continue;
    if (word.length < 2 || !word.startsWith('-')) break;
    for (let at = 1; at < word.length; at++) {
      const written = word[at] ?? '';
      const place = written === ':' ? -1 : letters.indexOf(written);
      if (place < 0) {
        options.push({ letter: undefined });
        continue;
      }
      if (letters[place + 1] !== ':') {
        options.push({ letter: written });
        continue;
      }
      const rest = word.slice(at + 1);
      const next = rest === '' ? words[++index] : rest;
      options.push(
        next === undefined ? { letter: written, value: '', lacksValue: true } : { letter: written, value: next },
      );
      break;
    }
  }
  return options;
}

/** The options as a flat list: each letter, then its value; `?` for an unknown one, "" for one that lacks its value. */
export function optionList(options: readonly Option[]): string[] {
  return options.flatMap(({ letter, value, lacksValue }) => {
    if (letter === undefined) return ['?'];
    if (value === undefined) return [letter];
    return lacksValue ? [value] : [letter, value];
  });
}

/** The value of the last option of a letter, the letter itself for a flag; undefined when it is not given. */
export function lastOption(options: readonly Option[], letter: string): string | undefined {
  const last = options.findLast((option) => option.letter === letter);
  return last && (last.value ?? letter);
}
