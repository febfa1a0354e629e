import { type ReactNode, useId } from 'react';

/** A state diagram on a grid of two columns and three rows: the size is in the units of its viewBox. */
const COLUMNS = [84, 284];
const ROWS = [2, 90, 178];
const WIDTH = 114;
const HEIGHT = 34;

/** `left` is where the picture begins, for one that has nothing there. */
type DiagramProps = { title: string; description: string; left?: number; children: ReactNode };

export function Diagram({ title, description, left = 0, children }: DiagramProps) {
  const id = useId();
  return (
    <svg
      className="diagram"
      viewBox={`${left} 0 ${400 - left} 214`}
      role="img"
      aria-labelledby={`${id}title ${id}text`}
    >
      <title id={`${id}title`}>{title}</title>
      <desc id={`${id}text`}>{description}</desc>
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto-start-reverse"
        >
          <path d="M0 0 8 4 0 8z" fill="context-stroke" />
        </marker>
      </defs>
      {children}
    </svg>
  );
}

export type Tone = 'quiet' | 'busy' | 'good' | 'bad';
type StateProps = { name: string; at: [column: number, row: number]; now: string; tone: Tone };

/** Lit in a tone when it is the state of `now`: filled, framed and marked, so that it does not take colour to see it. */
export function State({ name, at: [column, row], now, tone }: StateProps) {
  const isCurrent = name === now;
  return (
    <g
      className={isCurrent ? `state current ${tone}` : 'state'}
      data-state={name}
      data-current={isCurrent || undefined}
      transform={`translate(${COLUMNS[column]} ${ROWS[row]})`}
    >
      <rect width={WIDTH} height={HEIGHT} rx="8" />
      <text x={WIDTH / 2} y="21.5">
        {name}
      </text>
      {isCurrent && <circle cx="4" cy="4" r="5.5" />}
    </g>
  );
}

type EdgeProps = { name?: string; path: string; goesBack?: boolean; tone?: 'good' | 'bad'; children: ReactNode };

/** An arrow; its labels are its children. */
export function Edge({ name, path, goesBack = false, tone, children }: EdgeProps) {
  return (
    <g className={tone ? `edge ${tone}` : 'edge'} data-edge={name}>
      <path d={path} markerEnd="url(#arrow)" markerStart={goesBack ? 'url(#arrow)' : undefined} />
      {children}
    </g>
  );
}

type LabelProps = { x: number; y: number; anchor?: 'start' | 'middle' | 'end'; children: ReactNode };

export function Label({ x, y, anchor = 'start', children }: LabelProps) {
  return (
    <text x={x} y={y} textAnchor={anchor}>
      {children}
    </text>
  );
}
