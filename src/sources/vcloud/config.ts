/** The configuration of the source `vcloud`. */

import { z } from 'zod';
import { duration, wait } from '../../core/config.ts';
import { tlsKeys } from '../../core/net/tls.ts';
import { secret } from '../../core/secret.ts';

const shape = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\/[^/?#@]+\/?$/, { error: 'an address without a path, such as https://vcd.example', abort: true })
    .refine(URL.canParse, 'the host or the port of the address is none')
    .describe('The address of Cloud Director: `https://vcd.example`.'),
  org: z
    .string()
    .regex(/^[^@/\s]+$/, 'the name of an organization')
    .optional()
    .describe('The organization whose trail is read. Default: the provider, who sees those of all.'),
  user: z.string().min(1).optional().describe('The user of a session; `password` belongs to it.'),
  password: secret().optional().describe('The password of the user.'),
  api_token: secret()
    .optional()
    .describe(
      'An API token, in place of a user. That of a service account changes each time it is used: name a file for it that may be written.',
    ),
  api_version: z
    .string()
    .regex(/^\d+\.\d+$/, 'a version such as 37.0')
    .default('37.0')
    .describe('The version of the API: 37.0 is that of Cloud Director 10.4.'),
  poll: wait().prefault('30s').describe('How often the trail is asked for what is new.'),
  overlap: duration()
    .prefault('60s')
    .describe('How far back each time: cells have clocks of their own. What comes again is known by its id.'),
  lookback: duration().prefault('15m').describe('How far back at the first start.'),
  event_bus: z
    .boolean()
    .default(false)
    .describe('Listen to the event bus (MQTT), so that the trail is asked as soon as there is something.'),
  tls: tlsKeys.optional(),
});

const credentials = ({ user, password, api_token: token }: z.output<typeof shape>) =>
  (user !== undefined) === (password !== undefined) && (user !== undefined) !== (token !== undefined);

export const config = shape.refine(credentials, 'give `user` and `password`, or `api_token`');

export type Config = z.output<typeof config>;
