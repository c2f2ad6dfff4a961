/** The configuration of the source `ovh_mks`. */

import { z } from 'zod';
import { wait } from '../../core/config.ts';
import { tlsKeys } from '../../core/net/tls.ts';
import { PLAIN_SECRET, secret } from '../../core/secret.ts';
import { clusterKey } from '../shared/cluster-key.ts';

export const config = z.strictObject({
  url: z
    .string()
    .regex(/^wss?:\/\/[^/?#@]+(\/[^?#]*)?(\?[^#]*)?$/, {
      error: 'an address such as wss://gra1.logs.ovh.com/tail/',
      abort: true,
    })
    .refine((url) => !/[?&]tk=/.test(url), { error: PLAIN_SECRET, abort: true })
    .refine(URL.canParse, 'the host or the port of the address is none')
    .describe('The address of the tail of the stream, without `?tk=…`: `wss://gra1.logs.ovh.com/tail/`.'),
  token: secret().describe('The token of the stream: what stands after `tk=` in its address.'),
  app_ids: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Only messages with one of these `_appID`, where the stream has those of other products too.'),
  cluster: clusterKey,
  silence: wait()
    .prefault('20s')
    .describe('After so much silence the server is asked whether it is there; after as much again it is left.'),
  tls: tlsKeys.optional(),
});

export type Config = z.output<typeof config>;
