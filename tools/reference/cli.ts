/** The reference of the command line: the help of each verb, word for word. */

import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { exitCode } from '../../src/core/errors.ts';
import { code, fence, page, table } from './markdown.ts';

const WIDTH = 100;

const introduction = 'Data goes to the standard output, logs and errors to the standard error.';

/** What each exit status of src/core/errors.ts means to people. */
const meanings: Readonly<Record<keyof typeof exitCode, string>> = {
  ok: 'all went well; a run that a signal has ended in order tells in its last line what was dropped',
  failure: 'it failed while it ran; also a run that came to the end of its sources, when a sink has lost events',
  usage: 'the command line is wrong',
  unavailable: 'something that it needs is not here: a kernel feature, the addon, a newer Node.js, a file to replay',
  software: 'a fault of the program',
  temporary:
    'it may go well later: an address that a list of rules comes from does not answer, or `http.listen` is taken',
  noPermission: 'rights are missing',
  config: 'the pipeline, a rule or a component is wrong',
};

/** The page of all verbs. */
export function cliPage(): string {
  const program = createProgram();
  const verbs = program.commands.flatMap((verb) => (verb.commands.length > 0 ? verb.commands : verb));
  const sections = [program, ...verbs].map((command) => `## ${nameOf(command)}\n\n${fence('text', helpOf(command))}`);
  return page('Command line', introduction, [...sections, `## Exit status\n\n${exitTable()}`]);
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function helpOf(command: Command): string {
  let text = '';
  const writeOut = (piece: string) => {
    text += piece;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => WIDTH, getOutHasColors: () => false });
  command.outputHelp();
  return text;
}

function exitTable(): string {
  const names = Object.keys(exitCode) as (keyof typeof exitCode)[];
  return table(
    ['status', 'meaning'],
    names.map((name) => [code(String(exitCode[name])), meanings[name]]),
  );
}
