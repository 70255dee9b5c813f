import { type ComponentChildren, createContext } from "preact";
import { useContext, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { type Words, wordsFor } from "../words/languages";

const KEY = "imagetagger language";

/** The words of the app, and who chose them. */
interface Language {
  words: Words;
  /** The code of the language that the user chose; null to follow the browser. */
  choice: string | null;
  choose(choice: string | null): void;
}

const LanguageContext = createContext<Language | null>(null);

/** Gives its children the words of the user's language, and the page its code. */
export function LanguageProvider({ children }: { children: ComponentChildren }) {
  const [choice, setChoice] = useState(storedChoice);
  const language = useMemo<Language>(() => {
    const choose = (code: string | null) => {
      store(code);
      setChoice(code);
    };
    return { words: wordsFor(choice, navigator.languages), choice, choose };
  }, [choice]);
  const { code } = language.words;
  useLayoutEffect(() => {
    document.documentElement.lang = code;
  }, [code]);
  return <LanguageContext.Provider value={language}>{children}</LanguageContext.Provider>;
}

/** The language of the app. */
export function useLanguage(): Language {
  const language = useContext(LanguageContext);
  if (language === null) throw new Error("got a component outside of LanguageProvider, expected one inside");
  return language;
}

/** The words of the app in its language. */
export function useWords(): Words {
  return useLanguage().words;
}

function storedChoice(): string | null {
  try {
    return window.localStorage.getItem(KEY);
  } catch {
    return null; // the browser stores nothing for this site
  }
}

function store(choice: string | null): void {
  try {
    if (choice === null) window.localStorage.removeItem(KEY);
    else window.localStorage.setItem(KEY, choice);
  } catch {
    // as above: the choice lasts until the page is closed
  }
}
