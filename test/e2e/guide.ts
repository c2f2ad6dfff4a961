/** Guides whose commands are run: what they show is what they do. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './program.ts';

/** Where the commands of guides are run. */
export const examples = join(repository, 'docs/guides/examples');

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Commands of a guide, and what it says that they print; … stands for what is left out. */
export interface Step {
  readonly commands: readonly string[];
  readonly printed: string;
}

export interface Guide {
  readonly blocks: readonly Block[];
  readonly steps: readonly Step[];
}

export function readGuide(name: string): Guide {
  const text = readFileSync(join(repository, 'docs/guides', name), 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', content = '']) => ({
    language,
    text: content,
  }));
  const steps = blocks.flatMap(({ language, text: content }, index) => {
    const commands = content.split('\n').filter((line) => line.startsWith('falco-pipe '));
    if (language !== 'sh' || commands.length === 0) return [];
    const after = blocks[index + 1];
    return [{ commands, printed: after?.language === 'text' ? after.text : '' }];
  });
  return { blocks, steps };
}

/** The words of a command; quotes keep blanks. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
