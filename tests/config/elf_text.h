// Makes ELF files of a few hundred bytes for tests: for the machine that the test runs on, with the segments
// that the test wants.
#pragma once

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <cstring>
#include <string>
#include <string_view>

namespace prefork {

/// The header of the running program, whose class and machine are those of this machine.
inline ElfW(Ehdr) own_header() {
  ElfW(Ehdr) header{};
  const auto* running = reinterpret_cast<const ElfW(Ehdr)*>(::getauxval(AT_SYSINFO_EHDR));
  std::memcpy(header.e_ident, running->e_ident, EI_NIDENT);
  header.e_machine = running->e_machine;
  header.e_type = ET_DYN;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(header);
  header.e_phentsize = sizeof(ElfW(Phdr));
  header.e_phoff = sizeof(header);
  return header;
}

/// `loader`: empty for a static program. `note`: a name of a note; empty: none.
inline std::string elf_text(std::string_view loader, std::string_view note = "") {
  ElfW(Ehdr) header = own_header();
  header.e_phnum = 3;
  ElfW(Phdr) segments[3] = {};
  segments[0].p_type = PT_LOAD;
  const std::size_t data = sizeof(header) + sizeof(segments);
  std::string contents;
  if (!loader.empty()) {
    segments[1].p_type = PT_INTERP;
    segments[1].p_offset = data;
    segments[1].p_filesz = loader.size() + 1;
    contents.append(loader) += '\0';
  }
  if (!note.empty()) {
    ElfW(Nhdr) head{};
    head.n_namesz = static_cast<ElfW(Word)>(note.size() + 1);
    segments[2].p_type = PT_NOTE;
    segments[2].p_offset = data + contents.size();
    contents.append(reinterpret_cast<const char*>(&head), sizeof(head))
        .append(note)
        .append(4 - note.size() % 4, '\0');
    segments[2].p_filesz = data + contents.size() - segments[2].p_offset;
  }
  std::string text(reinterpret_cast<const char*>(&header), sizeof(header));
  text.append(reinterpret_cast<const char*>(segments), sizeof(segments));
  return text + contents;
}

constexpr std::string_view kGlibcLoader = "/lib64/ld-linux-x86-64.so.2";

}  // namespace prefork
