'use client';

import { useEffect } from 'react';
import { outcomeSeen } from './submit-key';

/** On a page that shows an order: its key is spent. */
export function OutcomeSeen({ idempotencyKey }: { idempotencyKey: string }) {
  useEffect(() => outcomeSeen(idempotencyKey), [idempotencyKey]);
  return null;
}
