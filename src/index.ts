/** The public API: what components and programs import from `falco-pipe`. */

export { type Claim, listening, writing } from './core/claim.ts';
export {
  bound,
  type Context,
  change,
  type Demand,
  type Demands,
  defineOperator,
  defineSink,
  defineSource,
  type Edge,
  expand,
  type OperatorContext,
  type PlanContext,
  type Prepared,
  type ProvidedField,
  type Sink,
  type SinkContext,
  type SourceContext,
  type Step,
  stream,
  where,
} from './core/component.ts';
export { duration, size } from './core/config.ts';
export { type Diagnostic, exitCode, renderDiagnostic, UserError } from './core/errors.ts';
export type { Event, EventList, Scalar, Value } from './core/event.ts';
export { WriteError, type WriteFailure } from './core/failure/write-error.ts';
export { type Ack, ackOf, liveAck, type Status, worse } from './core/flow/ack.ts';
export type { Batch } from './core/flow/batch.ts';
export { Redelivery } from './core/flow/redelivery.ts';
export { reveal, Secret, secret, textOrSecret } from './core/secret.ts';
export { Alert, alertJson, alertText, makeAlert } from './events/alert.ts';
export { EventRecord, recordForm } from './events/record.ts';
export { parseRecord, recordJson } from './events/record-json.ts';
export { PipelineDocument } from './pipeline/plan/document.ts';
export { planPipeline } from './pipeline/plan/plan.ts';
export type { Plan } from './pipeline/plan/planned.ts';
export { builtIn, Registry } from './pipeline/plan/registry.ts';
export { Run } from './pipeline/run/run.ts';
