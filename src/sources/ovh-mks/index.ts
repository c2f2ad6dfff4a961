/** The source `ovh_mks`: Kubernetes audit events of OVHcloud's managed clusters, through Logs Data Platform. */

import { Observable } from 'rxjs';
import { defineSource } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { exposedAt, warnOfExposed } from '../../core/net/exposed.ts';
import { checkTlsUsed } from '../../core/net/tls.ts';
import { cloudFills } from '../../events/cloud/event.ts';
import { ownError } from '../shared/own-error.ts';
import { config } from './config.ts';
import { Tail } from './tail.ts';

export const ovhMks = defineSource({
  type: 'ovh_mks',
  summary: "Kubernetes audit events of OVHcloud's managed clusters, from the tail of a stream of Logs Data Platform.",
  config,
  examples: [
    {
      title: 'The audit logs of a cluster',
      yaml: 'cluster: { type: ovh_mks, url: "wss://gra1.logs.ovh.com/tail/", token: { env: LDP_TOKEN }, cluster: prod }',
    },
  ],
  // The tail has no positions: what passes while there is no connection cannot be had again.
  delivery: 'at_most_once',
  emits: () => ['k8s_audit'],
  fills: cloudFills,
  prepare({ url, tls }, plan) {
    checkTlsUsed(tls, [url], plan);
    warnOfExposed(exposedAt(url, 'The token crosses'), plan, ['url']);
  },
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      const tail = new Tail(given, ctx, (batch) => subscriber.next(batch));
      tail.run().catch((error) => subscriber.error(ownError(error)));
      return () => tail.stop();
    }),
});
