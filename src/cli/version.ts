/** `falco-pipe --version`. */

import { packageVersion } from '../core/package.ts';
import { recordSchemaVersion } from '../events/record-json.ts';
import { engineVersion } from '../rules/files/versions.ts';
import { say } from './say.ts';

/** Prints the versions of the program, of the rule engine it is compatible with, and of the records it writes. */
export async function printVersion(output: string): Promise<void> {
  const versions = {
    'falco-pipe': packageVersion,
    engine: engineVersion,
    record_schema: recordSchemaVersion,
    node: process.versions.node,
  };
  const text = `falco-pipe ${packageVersion}\nengine ${engineVersion}\nrecord schema ${recordSchemaVersion}\nnode ${process.versions.node}`;
  say(`${output === 'json' ? JSON.stringify(versions) : text}\n`);
}
