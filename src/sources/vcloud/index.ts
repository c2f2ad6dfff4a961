/** The source `vcloud`: the audit events of VMware Cloud Director. */

import { Observable } from 'rxjs';
import { defineSource } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { exposedAt, warnOfExposed } from '../../core/net/exposed.ts';
import { checkTlsUsed } from '../../core/net/tls.ts';
import { cloudFills } from '../../events/cloud/event.ts';
import { ownError } from '../shared/own-error.ts';
import { config } from './config.ts';
import { Reader } from './reader.ts';

export const vcloud = defineSource({
  type: 'vcloud',
  summary: 'Audit events of VMware Cloud Director, from its audit trail; the event bus makes them come at once.',
  config,
  examples: [
    {
      title: 'One organization, with an API token',
      yaml: 'acme: { type: vcloud, url: "https://vcd.example", org: acme, api_token: { file: /run/secrets/vcd } }',
    },
    {
      title: 'All organizations, as a provider, without delay',
      yaml: [
        'vcd:',
        '  type: vcloud',
        '  url: https://vcd.example',
        '  user: auditor',
        '  password: { env: VCD_PASSWORD }',
        '  event_bus: true',
      ].join('\n'),
    },
  ],
  delivery: 'at_least_once',
  emits: () => ['vcd_audit'],
  fills: (source, field, { event_bus: bus }) => (bus || field !== 'vcd.topic') && cloudFills(source, field),
  positionFor: ({ url, org }) => ({ url, org }),
  prepare({ url, tls }, plan) {
    checkTlsUsed(tls, [url], plan);
    warnOfExposed(exposedAt(url, 'Passwords and tokens cross'), plan, ['url']);
  },
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      const reader = new Reader(given, ctx, (batch) => subscriber.next(batch));
      reader.run().catch((error) => subscriber.error(ownError(error)));
      return () => reader.stop();
    }),
});
