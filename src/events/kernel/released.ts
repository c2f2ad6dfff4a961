import { UserError } from '../../core/errors.ts';

/** The error of reading a batch that is no longer there. */
export function released(): UserError {
  return new UserError(
    'A kernel event was read after its batch was released: it is only readable inside the call that delivers it. ' +
      'Use keep() to make a record that stays.',
  );
}
