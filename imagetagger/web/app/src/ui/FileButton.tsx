import { useRef } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

interface Props {
  icon: IconName;
  label: string;
  look: string | undefined;
  /** A round button with an icon only; its label is for screen readers. */
  small?: boolean;
  /** The label of its file input. */
  input: string;
  accept?: string;
  multiple?: boolean;
  capture?: "environment";
  /** Lets the user choose a folder instead, with all that is in it. */
  webkitdirectory?: boolean;
  onFiles(files: File[]): void;
}

/** A button that lets the user choose files. */
export function FileButton({ icon, label, look, small = false, input, onFiles, ...choice }: Props) {
  const behind = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={look} onClick={() => behind.current?.click()}>
        <Icon name={icon} />
        <span class={small ? "hidden" : ""}>{label}</span>
      </button>
      <input
        ref={behind}
        type="file"
        hidden
        aria-label={input}
        {...choice}
        onChange={(event) => {
          const chosen = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // the same file can be chosen again
          onFiles(chosen);
        }}
      />
    </>
  );
}
