/** Validation by any library that speaks Standard Schema (https://standardschema.dev): zod, valibot, arktype and others. */
import type { StandardIssue, StandardSchema } from '../../next';

export type Validated = { readonly value: unknown } | { readonly issues: readonly StandardIssue[] };

export async function validate(schema: StandardSchema | undefined, input: unknown): Promise<Validated> {
  if (schema === undefined) return { value: input };
  const result = await schema['~standard'].validate(input);
  return result.issues === undefined ? { value: result.value } : { issues: result.issues };
}

export function isStandardSchema(value: unknown): boolean {
  const standard = (value as { '~standard'?: { validate?: unknown } } | null)?.['~standard'];
  return typeof standard?.validate === 'function';
}
