/** The contract of components: sources, operators and sinks are each one definition, made by one helper. */

import type { Observable, OperatorFunction } from 'rxjs';
import type { z } from 'zod';
import type { Claim } from './claim.ts';
import type { Diagnostic, Place } from './errors.ts';
import type { Event, EventForm, EventList, Held } from './event.ts';
import type { Ack } from './flow/ack.ts';
import type { Batch } from './flow/batch.ts';
import type { Necessary } from './flow/necessary.ts';
import type { Logger } from './log.ts';
import type { Counters } from './metrics.ts';
import type { Books, InternalFields, Report, ReportType } from './report.ts';
import type { Steps } from './steps.ts';

/** What is wanted of an event source at one place of the graph. */
export interface Demand {
  /** Fields by their texts. */
  readonly fields: ReadonlySet<string>;
  /** By field: the types of the events that it is read of, where those are known; one that is not here may be read of any. */
  readonly fieldTypes?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Event types, or all of them. */
  readonly types: ReadonlySet<string> | 'all';
  /** Those that are named where all are wanted: a source whose `all` leaves out what is too frequent sends these. */
  readonly named?: ReadonlySet<string>;
  /** What must hold of an event of a type to be wanted; for a type that is not here, nothing is known. */
  readonly where?: ReadonlyMap<string, Necessary>;
  /** The names of hosts that addresses are compared with: whoever fills such fields looks them up. */
  readonly hosts?: ReadonlySet<string>;
}

/** Demand by event source. */
export type Demands = ReadonlyMap<string, Demand>;

/** What a component has at run time. */
export interface Context {
  /** Its id in the pipeline file. */
  readonly id: string;
  /** Aborted when the component must stop; a source is unsubscribed right after that. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics: Counters;
  /** Milliseconds since the epoch; virtual in tests. */
  now(): number;
  /** Resolves after so many milliseconds; rejects when the component must stop. */
  sleep(ms: number): Promise<void>;
  /** Resolves a path of the configuration: relative ones start at the pipeline file's folder. */
  resolve(path: string): string;
}

export interface SourceContext extends Context {
  /** What the graph below wants of this source now, by event source. */
  readonly demand: Demands;
  /**
   * Calls `listener` when a reload changes the demand: before the new graph takes over with what either graph wants, and
   * after it with what the new one wants. The listener throws a UserError where that cannot be met: then nothing is
   * reloaded. Until the returned function is called.
   */
  onDemand(listener: (demand: Demands) => void): () => void;
  /**
   * Awaited before `count` events are emitted; for sources that deliver at least once. Rejects when the source must stop, or
   * with the reason of `signal` when that is aborted first: then nothing was granted.
   */
  credit(count: number, signal?: AbortSignal): Promise<void>;
  /** Returns the credit of events that failed, where the source does not emit them again but their service will. */
  release(count: number): void;
  /**
   * Something that the source must say: counted, logged, and emitted by the source `internal`. `summed`: its message for
   * another count, where several of them are said together.
   */
  report(type: ReportType, fields: InternalFields, summed?: (count: number) => string): void;
  /**
   * What came is no event: kept whole as a dead letter where there is a state folder, else dropped; counted and said
   * either way.
   */
  reject(text: string, why: { readonly reason: string; readonly message: string }): void;
  /** Says what keeps it from giving anything (no connection yet, or none any more), until it is called without. */
  trouble(problem?: string): void;
  /**
   * Calls `close` once, after the source was unsubscribed to be stopped, and waits for it: what it holds at a service is
   * let go there. What it gave may still settle until `settling` is aborted. Until the returned function is called.
   */
  onStop(close: (settling: AbortSignal) => Promise<void>): () => void;
  /** Calls `listener` with what any component reports, until the returned function is called. */
  reports(listener: (report: Report) => void): () => void;
  /**
   * How many live events wait at sinks that take them, only not as fast as they come: then a live source that can wait for a
   * moment gives them time. Sinks that take nothing are waited for by nobody.
   */
  crowded(): number;
  /** The books of the run, and the digest of its plan. */
  books(): Books;
  /** Where the source stood when the state directory was last written; undefined at the first start or without one. */
  position(): unknown;
  /**
   * Records where it stands, once everything before is settled, and the ids of what was settled: both or neither. Written
   * in groups; it lasts as long as the run when there is no `state`.
   */
  advance(position: unknown, seen?: readonly string[]): void;
  /** Those of the ids that were not yet recorded by `advance`; of a source the youngest million are remembered. */
  unseen(ids: readonly string[]): Promise<readonly string[]>;
  /** Resolves when all that was recorded is on disk: awaited before a remote service is told to forget something. */
  committed(): Promise<void>;
}

/** What a component says of itself whatever its kind. */
interface Definition<Config extends z.ZodType> {
  /** Its name in pipeline files: snake_case; sources and sinks are nouns, operators verbs. */
  readonly type: string;
  readonly summary: string;
  /** Its configuration: `z.strictObject`, each key described. */
  readonly config: Config;
  readonly examples: readonly { readonly title: string; readonly yaml: string }[];
}

/**
 * How replicas divide the events of a source: events alike in the fields `by` come to the same one; without any, an event
 * comes to whichever asks first.
 */
export interface Sharing {
  readonly by: readonly string[];
  /** Whether events with these values of the fields `by` come to this replica, where that can be known. */
  readonly has?: (values: readonly string[]) => boolean;
}

export interface SourceDefinition<Config extends z.ZodType = z.ZodType> extends Definition<Config> {
  readonly kind: 'source';
  readonly delivery: 'at_least_once' | 'at_most_once';
  /** The event sources of the events it emits. */
  emits(config: z.output<Config>): readonly string[];
  /** Its batches are borrowed: readable only while they are delivered, with just the fields that are demanded. */
  readonly borrows: boolean;
  /** Whether it ever fills a field, by its text, of events of any type or of one. Default: it may fill any. */
  fills(source: string, field: string, config: z.output<Config>, eventType?: string): boolean;
  /** Whether it ever emits an event type; a text says from whom alone. Default: it may emit any. */
  emitsType(source: string, type: string, config: z.output<Config>): boolean | string;
  /** Present when several replicas of the pipeline may divide its events. */
  shared?(config: z.output<Config>): Sharing | undefined;
  /** What of the configuration its position belongs to; a change of the rest goes on where it stood. Default: all. */
  positionFor?(config: z.output<Config>): unknown;
  /** Finds at plan time what can be wrong beyond the shape of the configuration. */
  prepare?(config: z.output<Config>, plan: PlanContext): void;
  /**
   * Emits until unsubscribed or done. An error ends it; the runtime opens it again with back-off. Not after a SourceError,
   * which ends this source, nor after any other UserError, which ends the run.
   */
  open(config: z.output<Config>, ctx: SourceContext): Observable<Batch>;
}

/** What a component may ask while the pipeline is planned. */
export interface PlanContext {
  /** Resolves a path of the configuration: relative ones start at the pipeline file's folder. */
  resolve(path: string): string;
  /** Reports what is wrong; `path` points into the component's configuration (`['files', 0]`). */
  report(diagnostic: Diagnostic, path?: readonly (string | number)[]): void;
  /**
   * Finds the place in the file of a part of the text at `path` (a condition), given by its offsets in the text; where there
   * is no text, the place of all that is there.
   */
  placer(path: readonly (string | number)[]): (span: { readonly start: number; readonly end: number }) => Place;
  /**
   * The text of a file that the configuration names at `at`. It becomes part of the pipeline's digest and of what
   * diagnostics can quote. Unreadable: reported, and undefined.
   */
  read(path: string, at: readonly (string | number)[]): string | undefined;
  /**
   * The paths of the files that a path stands for: itself, or of a folder the YAML files in it, by name. When others are
   * there a pipeline that runs is loaded anew.
   */
  files(path: string): string[];
  /**
   * Says what a file had that was read otherwise, or its digest in hex; undefined: it could not be. It becomes part of the
   * pipeline's digest, and when it changes a pipeline that runs is loaded anew.
   */
  note(path: string, content: Uint8Array | { readonly sha256: string } | undefined): void;
  /** Claims what nobody else in the pipeline can have then, named at `path`; two that want the same are refused. */
  claim(claims: readonly Claim[], path: readonly (string | number)[]): void;
}

/** A field that an operator adds to events, whatever their event source. */
export interface ProvidedField {
  /** Words joined by dots. */
  readonly name: string;
  readonly doc: string;
  /** Default: text. A time is in ns since the epoch. */
  readonly type?: 'text' | 'number' | 'time';
}

/** An operator's place in the graph. */
export interface Edge extends PlanContext {
  /** The event sources that reach it. */
  readonly sources: readonly string[];
  /** The fields that operators above add. */
  readonly provided: readonly ProvidedField[];
  /** The sources above that replicas divide among themselves. */
  readonly shared: readonly (Sharing & { readonly id: string })[];
  /** What the graph below wants of what it emits. */
  readonly demand: Demands;
  /** Whether some source above ever fills that field of an event source, or of events there of a type. */
  fills(source: string, field: string, eventType?: string): boolean;
  /** Whether some source above ever emits that event type; a text says from whom alone. */
  emitsType(source: string, type: string): boolean | string;
}

/** What an operator found out while the pipeline was planned. */
export interface Prepared<State = unknown> {
  /** What it reads, by event source; the fields decide what is collected and kept, the types what is asked of the kernel. */
  readonly reads?: Demands;
  /** Handed to `create`. */
  readonly state?: State;
  /** Of what it was made of beside its configuration and what its edge has told: with another one it is made anew. */
  readonly digest?: string;
  /** Named in the plan, for people: `{rules: 25}`. */
  readonly notes?: Readonly<Record<string, unknown>>;
}

export interface OperatorContext<State = unknown> extends Context {
  readonly state: State;
  /** Something of it, named by `what`, could not judge an event: counted, and reported once a while. The rest goes on. */
  failed(event: Event, error: unknown, what?: string): void;
  /** Says what it cannot do as it should, until it is called without: it goes on with what it has. */
  trouble(problem?: string): void;
  /**
   * An event of a `stream` that could not be judged: with a state folder it is a dead letter, which people can give to the
   * operator again, else dropped; counted and reported. Its ack settles then.
   */
  lose(event: Event, error: unknown, ack: Ack): void;
  /** What `save` returned last, in this run or an earlier one, if the configuration is still the same (`stateFor`). */
  saved(): unknown;
  /**
   * Whether that is of this moment: it begins in the place of another one, in a reload, and nothing came to nobody meanwhile.
   * Of an operator that is a `stream`, while that is subscribed.
   */
  takesOver(): boolean;
  /**
   * Goes over to what reads something else than `prepare` has said, or `changeReads` last: that, in steps, is `reads`. Sources
   * are asked for it as well before `change` is called, and after that for no more than is read. Each change has its turn,
   * reloads too. Rejects when a source cannot give it, or, as `Stopping`, when the run stops: then `change` was not called.
   */
  changeReads(reads: () => Steps<Demands>, change: () => void): Promise<void>;
  /**
   * Keeps state over restarts: `save` is asked for it once a second while acks come in, and at the end; it returns what
   * the structured clone algorithm takes. The returned function takes the ack of a batch that is now part of the state:
   * it settles as `absorbed` in the transaction that has the state.
   */
  keep(save: () => unknown): (ack: Ack) => void;
}

export interface OperatorDefinition<Config extends z.ZodType = z.ZodType, State = unknown> extends Definition<Config> {
  readonly kind: 'operator';
  /** The event source of what it emits; `same`: those that reach it. */
  readonly emits: 'same' | 'alert';
  /** It may hold events until more is known of them: its steps are `expand`. */
  readonly holds?: true;
  /** Fields it reads on every edge, where `prepare` need not find them out. */
  readonly reads?: readonly string[];
  /** Event types it needs, beside `reads`; default: all. */
  readonly types?: readonly string[];
  /**
   * What of the configuration its saved state belongs to; with a change of the rest, or of a file that it names, one that is
   * made anew goes on with it: what stands in its state must not leave it when its input completes. Default: all.
   */
  stateFor?(config: z.output<Config>): unknown;
  /** The fields that it adds to events; what is below may use them like any other. */
  provides?(config: z.output<Config>): readonly ProvidedField[];
  /**
   * Runs when the pipeline is planned: everything that can be wrong is found here. What takes long is a generator:
   * sources have their turn between its steps when a pipeline that runs is planned anew.
   */
  prepare?(config: z.output<Config>, edge: Edge): Prepared<State> | Steps<Prepared<State>>;
  create(config: z.output<Config>, ctx: OperatorContext<State>): Step;
}

/** Where a sink's events come from, and with what fields. */
export interface SinkDefinition<Config extends z.ZodType = z.ZodType> extends Definition<Config> {
  readonly kind: 'sink';
  /** Fields it wants of events that are not alerts (an alert is always whole), by event source. */
  reads?(config: z.output<Config>, sources: readonly string[]): Demands;
  prepare?(config: z.output<Config>, plan: PlanContext): void;
  open(config: z.output<Config>, ctx: SinkContext): Promise<Sink>;
}

/** Where events were seen: this machine, and the pipeline that runs on it now. */
export interface Origin {
  readonly node: string;
  readonly cluster: string | undefined;
  readonly pipeline: string;
  /** `sha256:…` of the pipeline and of every file that it names. */
  readonly digest: string;
}

export interface SinkContext extends Context {
  /** What events are marked with before they leave for a collector. */
  origin(): Origin;
  /** Asks for an orderly stop of the whole pipeline, as when the reader of a pipe has gone away. */
  stop(why: string): void;
}

export interface Sink {
  /** Resolves when the events are where they belong; rejects, and they are offered again. */
  write(events: readonly Event[], signal: AbortSignal): Promise<void>;
  /** Called once, after the last write. */
  close(): Promise<void>;
  /** SIGUSR1: open again what was moved away. */
  reopen?(): Promise<void>;
  /** Does with events what `write` does, short of writing them: called some times ahead, so that the first one is fast. */
  rehearse?(events: readonly Event[]): unknown;
  /** Sends events once, and resolves with what came back, in words for people. Without it, `write` is tried. */
  probe?(events: readonly Event[], signal: AbortSignal): Promise<string>;
}

/** What is done with one event at a time; neighbours are fused into one loop. */
export type EventStep = (
  | { readonly kind: 'where'; readonly test: (event: Event) => boolean }
  | { readonly kind: 'change'; readonly map: (event: Event) => Event }
  | { readonly kind: 'expand'; readonly each: Expansion }
) & {
  /** Settles when it has made what the first events would wait for: a reload goes over to it only then. */
  readonly ready?: Promise<unknown>;
  /**
   * The index of the first event from `from` on that may come to anything here, or how many there are: it is not given those
   * in between, which count as received. Asked where a source's events reach no other operator.
   */
  readonly next?: (events: EventList, from: number) => number;
};

/**
 * Emits what becomes of an event. What cannot be said yet is given to `hold`: it is resumed when it is ready, and its ack
 * waits with it. Without `hold` (the operator does not declare `holds`) everything has to be said at once.
 */
export type Expansion = (event: Event, emit: (event: Event) => void, hold?: (held: Held) => void) => void;

/** How an operator works on events. */
export type Step =
  | EventStep
  | { readonly kind: 'bound'; readonly bind: (form: EventForm, source: string) => EventStep }
  | { readonly kind: 'stream'; readonly through: OperatorFunction<Batch, Batch> };

/** Events pass for which `test` is true. Synchronous; fused with its neighbours. */
export function where(test: (event: Event) => boolean): EventStep {
  return { kind: 'where', test };
}

/** Each event is replaced by what `map` returns. It gets an event of its own (a record), never a borrowed one. */
export function change(map: (event: Event) => Event): EventStep {
  return { kind: 'change', map };
}

/** Each event is replaced by those that `each` emits, which must be events of their own: records, never `event` itself. */
export function expand(each: Expansion): EventStep {
  return { kind: 'expand', each };
}

/** One step for each form and event source of events: conditions are bound to their readers once, not per event. */
export function bound(bind: (form: EventForm, source: string) => EventStep): Step {
  return { kind: 'bound', bind };
}

/** RxJS for what is not synchronous: windows, joins, asynchronous work. Batches are records; each ack must be settled. */
export function stream(through: OperatorFunction<Batch, Batch>): Step {
  return { kind: 'stream', through };
}

/** Marks a definition, so that a second copy of this package recognises it too. */
export const brand = 'falco-pipe:component:1' as const;

export type AnyDefinition = (SourceDefinition | OperatorDefinition | SinkDefinition) & { readonly brand: typeof brand };

type SourceDefaults = Pick<SourceDefinition, 'borrows' | 'fills' | 'emitsType'>;

/** By default its batches are its own (not borrowed), with any field and any event type. */
export function defineSource<Config extends z.ZodType>(
  definition: Omit<SourceDefinition<Config>, 'kind' | keyof SourceDefaults> & Partial<SourceDefaults>,
): SourceDefinition<Config> & { brand: typeof brand } {
  return { borrows: false, fills: () => true, emitsType: () => true, ...definition, kind: 'source', brand };
}

/** `emits` defaults to `same`. */
export function defineOperator<Config extends z.ZodType, State = unknown>(
  definition: Omit<OperatorDefinition<Config, State>, 'kind' | 'emits'> & Partial<Pick<OperatorDefinition, 'emits'>>,
): OperatorDefinition<Config, State> & { brand: typeof brand } {
  return { emits: 'same', ...definition, kind: 'operator', brand };
}

/** The queue in front of it, batches, retries and acks are core's. */
export function defineSink<Config extends z.ZodType>(
  definition: Omit<SinkDefinition<Config>, 'kind'>,
): SinkDefinition<Config> & { brand: typeof brand } {
  return { ...definition, kind: 'sink', brand };
}
