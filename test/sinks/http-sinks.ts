/** Sinks `http` against a receiver of each test's own, and what is said of their configuration. */

import { afterEach, beforeEach } from 'vitest';
import type { Sink } from '../../src/core/component.ts';
import type { Diagnostic, UserError } from '../../src/core/errors.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { http } from '../../src/sinks/http.ts';
import { Receiver } from './servers.ts';
import { alertOf, openSink } from './shared.ts';

/** Starts a receiver before each test of a file; after it, sinks are closed and the receiver stops. */
export function receiving() {
  let receiver: Receiver;
  const open: Sink[] = [];
  beforeEach(async () => {
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    for (const sink of open.splice(0)) await sink.close();
    await receiver.stop();
  });
  return {
    get receiver() {
      return receiver;
    },
    /** Opens a sink that sends to the receiver, unless `config` has another address. */
    async sinkOf(config: object, log?: Parameters<typeof openSink>[3]): Promise<Sink> {
      const sink = await openSink(http, { url: receiver.url, ...config }, undefined, log);
      open.push(sink);
      return sink;
    },
  };
}

/** The failure of a write: what was refused and what is to be sent again, by rule. */
export async function failureOf(written: Promise<void>) {
  const error = await written.then(
    () => new Error('it was written'),
    (reason: WriteError) => reason,
  );
  if (!(error instanceof WriteError)) throw error;
  const rules = (events: WriteError['again']) => events?.map((event) => event.type);
  return { message: error.message, refused: rules(error.refused), again: rules(error.again), wait: error.wait };
}

/** What is said of a sink with these keys when the pipeline is planned: errors, or else warnings. */
export function diagnosticsOf(keys: object): readonly Diagnostic[] {
  const sink = { type: 'http', from: 'in', ...keys };
  const yaml = JSON.stringify({ sources: { in: { type: 'internal' } }, sinks: { out: sink } });
  try {
    return planPipeline(PipelineDocument.parse('pipeline.yaml', yaml), builtIn()).warnings;
  } catch (error) {
    return (error as UserError).diagnostics;
  }
}

export const ruleIn = (body: string) => JSON.parse(body).rule as string;
export const alerts = (...rules: string[]) => rules.map((rule) => alertOf(rule));
