/** Version requirements of rules files (spec/falco-engine.md §1.7). */

/** Falco's rule engine whose language this is. */
export const engineVersion = '0.63.0';

export interface Plugin {
  readonly name: string;
  readonly version: string;
}

/** A requirement: any of the alternatives. */
export type PluginRequirement = readonly Plugin[];

/** Plugins whose fields are built in. Falco's own rules require `container`, its cloud rules the others. */
export const builtInPlugins: readonly Plugin[] = [
  { name: 'container', version: '0.7.1' },
  { name: 'json', version: '0.7.4' },
  { name: 'cloudtrail', version: '0.17.1' },
  { name: 'k8saudit', version: '0.18.0' },
];

type Version = readonly [major: number, minor: number, patch: number];

/** Reads `x.y.z`; what follows a `-` or `+` is ignored. */
export function parseVersion(text: string): Version | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])];
}

/** Whether a version can be used where another is required: the same major version, and not older. */
export function isCompatible(version: Version, required: Version): boolean {
  if (version[0] !== required[0]) return false;
  return version[1] !== required[1] ? version[1] > required[1] : version[2] >= required[2];
}

/** Why the plugins do not meet the requirements, and which; undefined when they do. The first alternative that is loaded counts. */
export function checkPlugins(
  requirements: readonly PluginRequirement[],
  plugins: readonly Plugin[],
): { readonly message: string; readonly unmet: PluginRequirement } | undefined {
  for (const unmet of requirements) {
    const required = unmet.find((each) => plugins.some(({ name }) => name === each.name));
    const loaded = plugins.find(({ name }) => name === required?.name);
    if (loaded === undefined || required === undefined) {
      const names = unmet.map(({ name, version }) => `${name} (>= ${version})`).join(', ');
      return { message: `Plugin requirement not satisfied, must load one of: ${names}`, unmet };
    }
    const version = parseVersion(loaded.version);
    const wanted = parseVersion(required.version);
    if (version === undefined || wanted === undefined || !isCompatible(version, wanted)) {
      const { name } = loaded;
      const message = `Plugin '${name}' version '${loaded.version}' is not compatible with required plugin version '${required.version}'`;
      return { message, unmet };
    }
  }
  return undefined;
}
