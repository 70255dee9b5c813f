import styles from "./Icon.module.css";

const SHAPES = {
  pictures: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 8.5h.01",
  tag: "M3 11V4a1 1 0 0 1 1-1h7l10 10-8 8zM7.5 7.5h.01",
  more: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  plus: "M12 5v14M5 12h14",
  camera: "M4 8h4l1.5-3h5L16 8h4v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7",
  folder: "M3.5 18.5v-13h6l2 2.5h9v10.5z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  left: "M14.5 5.5L8 12l6.5 6.5",
  right: "M9.5 5.5L16 12l-6.5 6.5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M16.2 16.2L20.5 20.5",
  undo: "M8 5L4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11H9",
  trash: "M4 7h16M9.5 7V4h5v3M6.5 7l1 13h9l1-13M10 11v5M14 11v5",
  edit: "M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5l3.5 3.5",
  merge: "M6 4v3c0 5 6 5 6 10v3M18 4v3c0 5-6 5-6 10M9 17l3 3 3-3",
  reset: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4 20h16",
  upload: "M12 16V5M7.5 9L12 4.5 16.5 9M4 20h16",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  hide: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M5 4l14 16",
  learn: "M12 4l9 5-9 5-9-5zM7 11.5V16c2.5 2.5 7.5 2.5 10 0v-4.5",
  offline: "M5 13a10 10 0 0 1 14 0M8.5 16.5a5 5 0 0 1 7 0M12 20h.01M2 9.5a15 15 0 0 1 20 0",
} as const;

/** What can be drawn. */
export type IconName = keyof typeof SHAPES;

/** A small drawing beside a word, hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={styles.icon} viewBox="0 0 24 24" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
