/** Checks the shape of a plugin requirement. */

import { type Context, failLoad } from '../yaml/issue.ts';
import { type PluginRequirement, parseVersion } from './versions.ts';

export function checkPluginNames(requirement: PluginRequirement, context: Context): void {
  const names = new Set<string>();
  for (const { name, version } of requirement) {
    if (parseVersion(version) === undefined) {
      failLoad('LOAD_ERR_VALIDATE', `Invalid required version '${version}' for plugin '${name}'`, context, {
        diagnostic: { hint: 'Write three numbers: 0.7.1.' },
      });
    }
    if (names.has(name)) {
      failLoad('LOAD_ERR_VALIDATE', `Defined multiple alternative version requirements for plugin '${name}'`, context);
    }
    names.add(name);
  }
}
