/** The plan: what a pipeline file says, checked whole, with every edge typed and every demand known. Nothing runs yet. */

import type {
  Demands,
  OperatorDefinition,
  Prepared,
  ProvidedField,
  SinkDefinition,
  SourceDefinition,
} from '../../core/component.ts';
import type { DeliveryConfig } from '../../core/delivery/delivery-config.ts';
import type { Diagnostic, SourceText } from '../../core/errors.ts';

export interface Placed {
  readonly id: string;
  readonly type: string;
  /** Its own configuration, parsed. */
  readonly config: unknown;
  /** Equal to that of another plan's component when either can go on in the other's place, state and all. */
  readonly identity: string;
  /** What follows in the plan's JSON. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export interface PlannedSource extends Placed {
  readonly definition: SourceDefinition;
  /** Event sources it emits. */
  readonly emits: readonly string[];
  readonly demand: Demands;
}

export interface PlannedOperator extends Placed {
  readonly definition: OperatorDefinition;
  readonly from: readonly string[];
  /** Event sources that reach it. */
  readonly reached: readonly string[];
  readonly emits: readonly string[];
  /** Fields that it and operators above add to what it emits. */
  readonly provided: readonly ProvidedField[];
  /** What the graph below wants of what it emits. */
  readonly demand: Demands;
  readonly prepared: Prepared;
}

export interface PlannedSink extends Placed {
  readonly definition: SinkDefinition;
  readonly from: readonly string[];
  readonly reached: readonly string[];
  readonly reads: Demands;
  readonly delivery: DeliveryConfig;
}

export interface Plan {
  /** The path of its file, as it was given. */
  readonly name: string;
  /** What it is called where events of many pipelines meet. */
  readonly title: string;
  readonly cluster: string | undefined;
  readonly sources: readonly PlannedSource[];
  /** Sources of the file that are not opened, as `only` says: they are not among the others. */
  readonly closed: readonly string[];
  /** Upstream before downstream. */
  readonly operators: readonly PlannedOperator[];
  readonly sinks: readonly PlannedSink[];
  readonly state: string | undefined;
  /** Where health and metrics are served: HOST:PORT. */
  readonly http: string | undefined;
  /** sha256 of the configuration and of every file that it names. */
  readonly digest: string;
  readonly warnings: readonly Diagnostic[];
  readonly texts: readonly SourceText[];
}
