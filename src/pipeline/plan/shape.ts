/** The shape of a pipeline file: what zod finds wrong becomes diagnostics at the right characters. */

import { z } from 'zod';
import { deliveryKeys } from '../../core/delivery/delivery-config.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { address } from '../../core/net/address.ts';
import { aboutManifest, configError, isManifest, type Path, type PipelineDocument } from './document.ts';
import { explain } from './explain.ts';

const id = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'An id begins with a letter and has letters, digits, _ and - only');
const component = z
  .looseObject({
    type: z.string().describe('What it is: `falco-pipe list` names the types of sources, operators and sinks.'),
  })
  .describe('A component is a map that has a type: `out: { type: stdout, from: detect }`.');

/** One id, or a list of them. */
export const from = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]))
  .describe('The id, or a list of ids, of the sources and operators it reads from.');

/** The top of the file; components are checked by their own schemas. */
export const fileShape = z.strictObject({
  name: z
    .string()
    .min(1)
    .optional()
    .describe('What the pipeline is called: events that leave for a collector have it. Default: the name of its file.'),
  cluster: z
    .string()
    .min(1)
    .optional()
    .describe('The cluster that this machine is part of: events that leave for a collector have it.'),
  only: z
    .array(id)
    .min(1)
    .optional()
    .describe(
      'The sources that are opened here; the others, and what they alone feed, are checked and left out. Those of type `internal` are opened always. For a replica that does a part of the work, or a machine that has not everything that the file names. Default: all.',
    ),
  sources: z.record(id, component).describe('Where events come from, by id.'),
  operators: z.record(id, component).default({}).describe('What is done with events, by id.'),
  sinks: z.record(id, component).describe('Where events go, by id.'),
  components: z
    .array(z.string().min(1))
    .default([])
    .describe('Modules with components of your own: a path (./my-operator.ts) or the name of an installed package.'),
  http: z
    .strictObject({
      listen: address('127.0.0.1:8765')
        .default('127.0.0.1:8765')
        .describe('Address and port; only what runs on this machine reaches the default.'),
    })
    .optional()
    .describe('Serves /healthz, /readyz, /metrics, /status and /versions; as --http.'),
  state: z.string().min(1).optional().describe('Folder that remembers where replayable sources stood; as --state.'),
});

export type PipelineFile = z.output<typeof fileShape>;

/** The kinds of component, by the name of their section. */
export const sectionKeys = {
  sources: {},
  operators: { from },
  sinks: { from, ...deliveryKeys },
} as const;

export type Section = keyof typeof sectionKeys;

/** The whole schema of one component in a file: its own keys and those of its section. */
export function componentShape(section: Section, type: string, config: z.ZodType): z.ZodObject {
  const own = config as z.ZodObject;
  return own.safeExtend({ type: z.literal(type), ...sectionKeys[section] }) as z.ZodObject;
}

/** Parses a value of the document that stands at `base`; what is wrong is reported and undefined returned. */
export function parseShape<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  base: Path,
  document: PipelineDocument,
  report: (diagnostic: Diagnostic) => void,
): z.output<Shape> | undefined {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  for (const each of explain(result.error.issues, { shape, base, document })) report(each);
  return undefined;
}

/** Whether a file is a falco.yaml: keys that every one of them has, and no pipeline. */
function isFalcos(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return !('sources' in value) && ('rules_files' in value || 'engine' in value);
}

/** A pipeline file parsed as far as its components: enough to load the modules it names. */
export function readPipeline(document: PipelineDocument): PipelineFile {
  const value = document.value() ?? {};
  if (isFalcos(value)) {
    const message = "This is a configuration of Falco's, no pipeline";
    const hint = 'docs/guides/from-falco.md has a pipeline that does the same, and what becomes of each key';
    const diagnostic = { severity: 'error', code: 'CONFIG_OF_FALCO', message, hint, at: document.place([]) } as const;
    throw configError(document.name, [diagnostic], document.texts);
  }
  if (isManifest(value)) throw configError(document.name, [aboutManifest(document.place([]))], document.texts);
  const diagnostics: Diagnostic[] = [];
  const file = parseShape(fileShape, value, [], document, (diagnostic) => diagnostics.push(diagnostic));
  if (!file) throw configError(document.name, diagnostics, document.texts);
  return file;
}
