'use server';
import { idempotentAction } from 'actonce/next';
import { checkout, readForm } from '@/lib/checkout';
import { customer } from '@/lib/customer';
import { noteAttempt } from '@/lib/journal';

export const placeOrder = idempotentAction(
  {
    name: 'placeOrder',
    scope: () => customer,
    payload: (form: FormData) => readForm(form).cart,
    onProblem: ({ code }) => ({ problem: code }),
    onResponse: ({ status }, form) => noteAttempt('actonce', readForm(form).key, status),
  },
  (form, { key }) => checkout('actonce', key, readForm(form).cart),
);
