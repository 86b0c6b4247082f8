// The files of the page. The build embeds those of page/ (embed_page.py).
#pragma once

#include <span>
#include <string_view>

namespace prefork {

struct PageFile {
  std::string_view path;  ///< as requested: "/app.js"; "/" for index.html
  std::string_view type;  ///< Content-Type
  std::string_view etag;  ///< with its quotes
  std::string_view content;
};

[[nodiscard]] std::span<const PageFile> page_files();
/// Null: there is none.
[[nodiscard]] const PageFile* find_page_file(std::string_view path);

}  // namespace prefork
