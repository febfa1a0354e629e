import type { Metadata, Viewport } from 'next';
import type { ReactNode } from 'react';
import './base.css';
import './lanes.css';
import './diagram.css';
import './payment.css';

export const metadata: Metadata = {
  title: 'One click, how many charges?',
  description: 'The same checkout twice, behind a faulty network: with a naive lock, and with actonce.',
  icons: 'data:,',
};

export const viewport: Viewport = { colorScheme: 'light dark' };

export default function Document({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
