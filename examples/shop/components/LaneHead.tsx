import type { Lane } from '@/lib/journal';

const HEADS: Record<Lane, { title: string; code: string }> = {
  naive: { title: 'A naive lock', code: 'GET · SET NX EX 60 · checkout() · SET COMPLETED · on error DEL' },
  actonce: { title: 'actonce', code: 'idempotentAction({ name, scope, payload }, checkout)' },
};

export function LaneHead({ lane }: { lane: Lane }) {
  const { title, code } = HEADS[lane];
  return (
    <div className="head">
      <h2 id={`${lane}-title`}>{title}</h2>
      <code>{code}</code>
    </div>
  );
}
