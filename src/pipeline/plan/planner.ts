/** Making a plan: components are drafted, connected, typed from the sources down, and asked from the sinks up. */

import { createHash } from 'node:crypto';
import { devNull } from 'node:os';
import { join, parse, resolve } from 'node:path';
import { type Claim, listening, reading, STDOUT, standardOutput, writing } from '../../core/claim.ts';
import type { Demand, Demands, PlanContext, Prepared, ProvidedField } from '../../core/component.ts';
import { messageOf, type SourceText, UserError } from '../../core/errors.ts';
import { isHandedOver, isReadOnce, readLimited, readText } from '../../core/files/read-once.ts';
import { yamlFilesOf, yamlNamesIn } from '../../core/files/yaml-folder.ts';
import type { Steps } from '../../core/steps.ts';
import { STATE_FILE } from '../../store/messages.ts';
import { Answers } from './answers.ts';
import { Claims } from './claims.ts';
import { Connections } from './connections.ts';
import { everything } from './demand.ts';
import type { Path, PipelineDocument } from './document.ts';
import { warnOfTexts } from './doubtful-texts.ts';
import { type Draft, type Drafts, draftComponents, type OperatorDraft, type SourceDraft } from './drafts.ts';
import { Findings } from './findings.ts';
import { openedPart } from './opened.ts';
import { orderOf } from './order.ts';
import type { Placed, Plan, PlannedOperator, PlannedSink, PlannedSource } from './planned.ts';
import type { Registry } from './registry.ts';
import { readPipeline } from './shape.ts';
import { type Reached, strayReads, takenFields } from './stray-reads.ts';
import { isPath } from './user-components.ts';
import { Wanted } from './wanted.ts';
import { type Contents, contentOf, digestOf } from './watch.ts';

/** What the options of a run say in place of its pipeline file. */
export interface Given {
  /** HOST:PORT. */
  readonly http?: string | undefined;
  /** The state folder, absolute. */
  readonly state?: string | undefined;
  /** It runs here: the standard output is that of this process. */
  readonly here?: true;
  /** What runs, and is to be replaced. */
  readonly running?: Plan;
}

type Asked = Pick<Draft<Placed>, 'id' | 'type' | 'path'>;
type Reading = Asked & Pick<OperatorDraft, 'from' | 'reached'>;

export class Planner {
  readonly #document: PipelineDocument;
  readonly #registry: Registry;
  readonly #read: Contents;
  readonly #given: Given;
  readonly #findings: Findings;
  readonly #texts: SourceText[];
  readonly #hash = createHash('sha256');
  readonly #claims: Claims;
  #only: readonly string[] | undefined;
  #sources: Drafts['sources'] = new Map();
  #operators: Drafts['operators'] = new Map();
  #sinks: Drafts['sinks'] = new Map();

  constructor(document: PipelineDocument, registry: Registry, read: Contents, given: Given) {
    this.#document = document;
    this.#registry = registry;
    this.#read = read;
    this.#given = given;
    this.#texts = [...document.texts];
    this.#findings = new Findings(document);
    this.#claims = new Claims(given.here ? standardOutput() : STDOUT);
  }

  *plan(): Steps<Plan> {
    const file = readPipeline(this.#document);
    this.#hash.update(JSON.stringify(file));
    const state = stateFolder(file, this.#document, this.#given);
    const http = this.#given.http ?? file.http?.listen;
    this.#claimOwn(http, state, file.components);
    warnOfTexts(this.#document, this.#findings);
    const drafts = draftComponents(file, this.#document, this.#registry, this.#findings);
    ({ sources: this.#sources, operators: this.#operators, sinks: this.#sinks } = drafts);
    const order = orderOf(this.#operators, this.#findings);
    this.#only = file.only;
    const connections = new Connections(drafts, this.#document, this.#findings);
    connections.check(file.only);
    connections.leaveOutUnsound(order);
    this.#type(order);
    yield* this.#prepare(order);
    this.#findings.stopAtErrors(this.#texts);
    const operators = order.map((id) => this.#operators.get(id) as unknown as PlannedOperator);
    const plan: Plan = {
      name: this.#document.name,
      title: file.name ?? parse(this.#document.name).name,
      cluster: file.cluster,
      sources: [...this.#sources.values()] as unknown as PlannedSource[],
      closed: [],
      operators,
      sinks: [...this.#sinks.values()] as unknown as PlannedSink[],
      state,
      http,
      digest: this.#hash.digest('hex'),
      warnings: this.#findings.all,
      texts: this.#texts,
    };
    const opened = openedPart(plan, file.only);
    if (state === undefined) this.#sayNowhereToSpill(opened);
    this.#findings.all.push(...this.#claims.collisions(opened));
    this.#findings.stopAtErrors(this.#texts);
    return opened;
  }

  // Who only looks does not know whether the run will have --state.
  #sayNowhereToSpill({ sinks }: Plan): void {
    const severity = this.#given.here ? 'error' : 'warning';
    for (const { id, delivery } of sinks) {
      if (delivery.queue.when_full !== 'spill') continue;
      const message = `The sink ${id} has nowhere to spill to: without a state folder it cannot run`;
      const hint = 'Name one with `state:`, or with --state when it runs; or choose another `when_full`.';
      const at = this.#findings.place(['sinks', id, 'queue', 'when_full']);
      this.#findings.all.push({ severity, code: 'CONFIG_STATE', message, hint, at });
    }
  }

  // What the program itself has comes before what components want.
  #claimOwn(http: string | undefined, state: string | undefined, components: readonly string[]): void {
    const claim = (claims: readonly Claim[], option: 'http' | 'state', path: Path) =>
      this.#claims.add(
        undefined,
        claims,
        this.#given[option] === undefined ? this.#findings.place(path) : `--${option}`,
      );
    if (http !== undefined) claim(listening(http), 'http', ['http', 'listen']);
    if (state !== undefined) claim(writing(join(state, STATE_FILE)), 'state', ['state']);
    const { name, folder } = this.#document;
    const made = (path: string, at: Path) =>
      this.#claims.add(undefined, reading(path, `is made of ${path}`), this.#findings.place(at));
    made(resolve(name), []);
    // Packages are nobody's to write.
    for (const [index, each] of components.entries())
      if (isPath(each)) made(resolve(folder, each), ['components', index]);
  }

  #type(order: readonly string[]): void {
    for (const source of this.#sources.values()) {
      const { definition, config, path } = source;
      this.#ask(source, () => definition.prepare?.(config, this.#context(path)));
      source.emits = this.#ask(source, () => definition.emits(config)) ?? [];
    }
    for (const id of order) {
      const operator = this.#operators.get(id);
      if (!operator) continue;
      operator.reached = this.#reaching(operator.from);
      operator.emits = operator.definition.emits === 'same' ? operator.reached : [operator.definition.emits];
      operator.provided = [...this.#provided(operator.from), ...this.#providedBy(operator)];
    }
    for (const sink of this.#sinks.values()) sink.reached = this.#reaching(sink.from);
  }

  // The fields that operators above a place add.
  #provided(from: readonly string[]): ProvidedField[] {
    return [...new Set(from.flatMap((id) => this.#operators.get(id)?.provided ?? []))];
  }

  #providedBy(operator: OperatorDraft): readonly ProvidedField[] {
    return this.#ask(operator, () => operator.definition.provides?.(operator.config)) ?? [];
  }

  #reaching(from: readonly string[]): string[] {
    const emitted = from.flatMap((id) => this.#sources.get(id)?.emits ?? this.#operators.get(id)?.emits ?? []);
    return [...new Set(emitted)];
  }

  // Downstream first: what is wanted below decides what an operator above must provide.
  *#prepare(order: readonly string[]): Steps<void> {
    const wanted = new Wanted();
    for (const sink of this.#sinks.values()) {
      const { definition, config, path, reached = [] } = sink;
      this.#ask(sink, () => definition.prepare?.(config, this.#context(path)));
      sink.notes = {};
      const reads = this.#ask(sink, () => definition.reads?.(config, reached));
      this.#checkReads(sink, reads);
      sink.reads = reads ?? everything(reached);
      wanted.add(sink.from, sink.reads);
    }
    for (const id of order.toReversed()) {
      const operator = this.#operators.get(id);
      if (!operator) continue;
      const demand = (operator.demand = wanted.of(id));
      const prepared = (yield* this.#askInSteps(operator, () => this.#prepareOperator(operator, demand))) ?? {};
      operator.prepared = prepared;
      operator.notes = prepared.notes ?? {};
      this.#ask(operator, () => wanted.addOperator({ ...operator, prepared }, demand));
    }
    for (const source of this.#sources.values()) {
      source.demand = wanted.of(source.id);
      source.notes = {};
    }
  }

  *#prepareOperator(operator: OperatorDraft, demand: Demands): Steps<Prepared> {
    const { definition, path, reached = [] } = operator;
    const origins = this.#origins(operator.from);
    const provided = this.#provided(operator.from);
    const edge = new Answers({
      ...this.#context(path),
      sources: reached,
      provided,
      shared: origins.flatMap(({ id, definition: of, config }) => {
        const sharing = of.shared?.(config);
        return sharing && (this.#only?.includes(id) ?? true) ? [{ id, ...sharing }] : [];
      }),
      demand,
      fills: (source, field, eventType) =>
        provided.some(({ name }) => name === field) ||
        origins.some(
          ({ definition: of, emits, config }) => emits?.includes(source) && of.fills(source, field, config, eventType),
        ),
      emitsType: (source, type) => {
        const of = origins.filter(({ emits }) => emits?.includes(source));
        const answers = of.map(({ definition, config }) => definition.emitsType(source, type, config));
        return answers.includes(true) || (answers.find(Boolean) ?? false);
      },
    });
    if (definition.prepare) {
      const answer = definition.prepare(operator.config, edge);
      const prepared = 'next' in answer ? yield* answer : answer;
      this.#checkReads(operator, prepared.reads);
      operator.identity = `${operator.identity} ${edge.digest()} ${prepared.digest ?? ''}`;
      return prepared;
    }
    this.#sayStrays(operator, takenFields(this.#providedBy(operator), reached));
    const { reads, types } = definition;
    const borrowed = origins.some(
      ({ definition: of, emits }) => of.borrows && emits?.some((each) => reached.includes(each)),
    );
    if (!reads && !types && borrowed) {
      const message = `${operator.type} reads kernel events but does not say which fields it reads`;
      const hint =
        "Add `reads: ['proc.name', …]` (and `types: ['execve', …]`) to its definition: they decide what the kernel collects.";
      this.#findings.error('CONFIG_DEMAND', message, [...path, 'type'], hint);
    }
    const demanded: Demand = { fields: new Set(reads), types: types ? new Set(types) : 'all' };
    this.#sayStrays(operator, strayReads(demanded, this.#reachedBy(operator)));
    return { reads: new Map(reached.map((source) => [source, demanded])) };
  }

  #reachedBy({ from, reached = [] }: Reading, sources = reached): Reached {
    const isOpen = from.some((id) => this.#operators.has(id)) || reached.includes('alert');
    return { sources, provided: this.#provided(from).map(({ name }) => name), isOpen };
  }

  // A field need not be one of each event source that comes; a type is asked of one.
  #checkReads(component: Reading, reads: Demands = new Map()): void {
    const fields = new Set([...reads.values()].flatMap((demand) => [...demand.fields]));
    this.#sayStrays(component, strayReads({ fields, types: 'all' }, this.#reachedBy(component)));
    for (const [source, { types }] of reads) {
      this.#sayStrays(component, strayReads({ fields: new Set(), types }, this.#reachedBy(component, [source])));
    }
  }

  #sayStrays({ type, path }: Asked, strays: ReturnType<typeof strayReads>): void {
    const at = this.#findings.place([...path, 'type']);
    const code = 'CONFIG_DEMAND';
    this.#findings.all.push(...strays.map((each) => ({ ...each, code, at, message: `${type} ${each.message}` })));
  }

  // What the author of a component did not foresee is an error of the pipeline, not a fault of this program.
  #ask<T>(draft: Asked, question: () => T): T | undefined {
    try {
      return question();
    } catch (error) {
      return this.#fault(draft, error);
    }
  }

  *#askInSteps<T>(draft: Asked, question: () => Steps<T>): Steps<T | undefined> {
    try {
      return yield* question();
    } catch (error) {
      return this.#fault(draft, error);
    }
  }

  #fault({ id, type, path }: Asked, error: unknown): undefined {
    if (error instanceof UserError) {
      // What was found before is said first.
      this.#findings.stopAtErrors(this.#texts);
      throw error;
    }
    const message = `${id} cannot be planned, for its type has a fault: ${messageOf(error)}`;
    this.#findings.error('CONFIG_COMPONENT', message, [...path, 'type'], `Tell those who wrote ${type}.`);
  }

  // The sources whose events can reach a place, through whatever operators.
  #origins(from: readonly string[]): SourceDraft[] {
    return [...new Set(from)].flatMap((id) => {
      const source = this.#sources.get(id);
      return source ? [source] : this.#origins(this.#operators.get(id)?.from ?? []);
    });
  }

  #context(base: Path): PlanContext {
    const claim: PlanContext['claim'] = (claims, at) =>
      this.#claims.add(String(base.at(-1)), claims, this.#findings.place([...base, ...at]));
    return {
      resolve: (path) => resolve(this.#document.folder, path),
      read: (path, at) => {
        claim(reading(resolve(this.#document.folder, path)), at);
        return this.#text(path, [...base, ...at]);
      },
      files: (path) => this.#files(path),
      note: (path, content) => {
        const file = resolve(this.#document.folder, path);
        claim(reading(file), []);
        this.#note(file, content);
      },
      claim,
      placer: (path) => this.#document.placer([...base, ...path]),
      report: (diagnostic, path = []) => {
        const at = diagnostic.at ?? this.#document.place([...base, ...path]);
        this.#findings.all.push({ ...diagnostic, at });
      },
    };
  }

  // By its digest: a list of 100 MB is hashed once.
  #note(file: string, content: Parameters<PlanContext['note']>[1]): void {
    const digest = content !== undefined && 'sha256' in content ? content.sha256 : digestOf(content);
    this.#read.set(file, digest);
    this.#hash.update(digest);
  }

  #files(path: string): string[] {
    const absolute = resolve(this.#document.folder, path);
    if (yamlNamesIn(absolute) !== undefined) this.#read.set(absolute, contentOf(absolute));
    return yamlFilesOf(path, absolute);
  }

  #text(path: string, at: Path): string | undefined {
    const file = resolve(this.#document.folder, path);
    this.#read.set(file, digestOf(undefined));
    try {
      const content = contentOfNamed(file);
      this.#note(file, content);
      const text = content.toString();
      this.#texts.push({ name: path, text });
      return text;
    } catch (error) {
      const hint = path.includes('*')
        ? 'Patterns are not taken; a folder of rules stands for the files in it'
        : undefined;
      this.#findings.error('CONFIG_FILE', `Cannot read ${path}: ${messageOf(error)}`, at, hint);
      return undefined;
    }
  }
}

/** The state folder of a run, absolute. */
export function stateFolder(
  file: Pick<ReturnType<typeof readPipeline>, 'state'>,
  { folder }: Pick<PipelineDocument, 'folder'>,
  given: Given,
): string | undefined {
  return given.state ?? (file.state === undefined ? undefined : resolve(folder, file.state));
}

/** What a file that a pipeline names has. Who only looks waits for nobody who writes: no pipe, but one that is handed over. */
function contentOfNamed(file: string): Buffer {
  if (!isReadOnce(file) || file === devNull) return readLimited(file);
  if (isHandedOver(file)) return Buffer.from(readText(file));
  throw new Error('it is no regular file');
}
